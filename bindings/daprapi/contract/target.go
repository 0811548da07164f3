package contract

import (
	"embed"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// AppID is the application's Dapr app id. Function and Mesh are its names as
// mesh.yaml has them.
const (
	Mesh     = "contract"
	Function = "app"
	AppID    = Mesh + "-" + Function
)

// Target is what serves the Dapr API.
type Target interface {
	// Start serves the API for one application, with what the directory
	// declares, until t ends.
	Start(t *testing.T, s Setup) Address
}

// Setup is what a target serves.
type Setup struct {
	// Dir holds mesh.yaml, and resources with Dapr's Component and Subscription
	// documents.
	Dir string
	// App is the application, which listens.
	App *App
	// AppID is the application's, for a real daprd; AppID if empty.
	AppID string
}

// Address is where a target serves, and the token that it wants.
type Address struct {
	// HTTP is a URL, GRPC host:port.
	HTTP, GRPC string
	Token      string
}

//go:embed resources
var resources embed.FS

// environment is what both targets find in their environment, for the secret
// store local.env and for envRef.
var environment = map[string]string{
	"CONTRACT_SECRET": "from the environment",
	"CONTRACT_PATH":   "",
}

// lay writes the documents for an application into a directory.
func lay(t *testing.T, app *App) Setup {
	t.Helper()
	dir := t.TempDir()
	replace := strings.NewReplacer("$DIR", dir, "$APP", app.URL)
	err := fs.WalkDir(resources, "resources", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := resources.ReadFile(path)
		if err != nil {
			return err
		}
		to := filepath.Join(dir, path)
		switch name := filepath.Base(path); name {
		case "mesh.yaml", "secrets.json":
			to = filepath.Join(dir, name)
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		return os.WriteFile(to, []byte(replace.Replace(string(data))), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "files"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, value := range environment {
		if value == "" {
			value = filepath.Join(dir, "contract.db")
		}
		t.Setenv(name, value)
	}
	return Setup{Dir: dir, App: app}
}
