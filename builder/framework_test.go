package builder

import "testing"

// TestFrameworkStart holds the start of functions-framework-go to leaving no
// traces: it is asked for its handler, prints nothing meanwhile, and what it
// reads of the environment is there again.
func TestFrameworkStart(t *testing.T) {
	t.Parallel()
	root := handlerProject(t, `
-- functions/hello/f.go --
package greet

import ("fmt"; "net/http"; "os"; "github.com/GoogleCloudPlatform/functions-framework-go/functions")

var out *os.File

func init() {
	var err error
	if out, err = os.CreateTemp("", ""); err != nil { panic(err) }
	_ = os.Remove(out.Name())
	os.Stdout = out
	functions.HTTP("HelloWorld", hello)
}

func hello(w http.ResponseWriter, r *http.Request) {
	printed, err := out.Stat()
	if err != nil { panic(err) }
	fmt.Fprintf(w, "target %s, service %s, printed %d, to the same place: %v", os.Getenv("FUNCTION_TARGET"), os.Getenv("K_SERVICE"), printed.Size(), os.Stdout == out)
}
`, gcf, old)
	r := buildHandler(t, root)
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	s := serve(t, r.Binary, "K_SERVICE=shop-hello")
	for _, printed := range []string{"0", "1"} { // a line end after each call is the framework's way
		s.do(exchange{method: "GET", path: "/weft.probe", status: 200,
			want: []string{"target hello, service shop-hello, printed " + printed + ", to the same place: true"}})
	}
	s.stop()
}
