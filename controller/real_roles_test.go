package controller

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/weftmesh/weft/api/v1beta1"
	"github.com/weftmesh/weft/controller/desired"
)

// request is a line of the API server's audit.
type request struct {
	Verb             string `json:"verb"`
	ImpersonatedUser struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		APIGroup    string `json:"apiGroup"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

// right that a role grants.
func (r request) right() string {
	resource := r.ObjectRef.Resource
	if r.ObjectRef.Subresource != "" {
		resource += "/" + r.ObjectRef.Subresource
	}
	return strings.TrimPrefix(r.ObjectRef.APIGroup+"/"+resource, "/") + " " + r.Verb
}

// requests of the controller, those before the given offset left out.
func (a *api) requests(from int64) []request {
	a.t.Helper()
	f, err := os.Open(server.audit)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(from, 0); err != nil {
		a.t.Fatal(err)
	}
	var all []request
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r request
		if json.Unmarshal(lines.Bytes(), &r) == nil && r.ImpersonatedUser.Username == account && r.ObjectRef.Resource != "" {
			all = append(all, r)
		}
	}
	return all
}

// audited is the offset of what comes from now on.
func (a *api) audited() int64 {
	a.t.Helper()
	info, err := os.Stat(server.audit)
	if err != nil {
		a.t.Fatal(err)
	}
	return info.Size()
}

// granted are the rights of the controller's roles.
func granted(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "manifests", "base", "rbac.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	rights := make(map[string]bool)
	for _, doc := range strings.Split(string(text), "\n---\n") {
		var role rbacv1.ClusterRole // a Role has the same fields
		if err := yaml.Unmarshal([]byte(doc), &role); err != nil {
			t.Fatal(err)
		}
		if role.Name != "weft-controller" {
			continue
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						rights[strings.TrimPrefix(group+"/"+resource, "/")+" "+verb] = true
					}
				}
			}
		}
	}
	return rights
}

// uncounted are rights that no request of TestRealRoles shows, with why they are
// had.
var uncounted = map[string]string{
	"functions.openfunction.io/functionmeshes/finalizers update": "admission asks for it, of who sets an owner that blocks",
	"events.k8s.io/events patch":                                 "what is told again within some minutes is counted",
	"events patch":                                               "the same of leadership",
	"dapr.io/components get":                                     "one that was made a moment ago, which the cache does not have yet",
	"keda.sh/scaledobjects get":                                  "the same",
}

// The controller's roles grant what it needs, which all other tests show, and
// nothing else: everything that it may do it does in this one.
func TestRealRoles(t *testing.T) {
	a := connect(t)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "weft-system", Name: "weft-controller"}}
	if err := client.IgnoreNotFound(a.Delete(t.Context(), lease)); err != nil {
		t.Fatal(err)
	}
	from := a.audited()
	a.run(func(o *Options) { o.LeaderElection = true })
	for _, file := range []string{"resources/mail.yaml", "mesh.yaml"} {
		text, err := os.ReadFile(filepath.Join("..", "testdata", "render", "everything", file))
		if err != nil {
			t.Fatal(err)
		}
		a.create(strings.Replace(string(text), "namespace: sales", "", 1))
	}
	a.applied("shop")
	tokens := a.get(core("Secret"), "shop-tokens").Object["data"]
	for _, k := range kinds {
		if k.readOnly {
			continue
		}
		names := a.names(k, "shop")
		if len(names) == 0 {
			t.Errorf("the mesh has no %s, so this test says nothing of them", k.Kind)
		}
		for _, name := range names { // it is looked for past the cache
			a.merge(a.get(k, name), `{"metadata": {"labels": {"`+desired.LabelMesh+`": null}}}`)
			a.eventually(k.Kind+" "+name+" has its label again", func() (bool, string) {
				labels := a.get(k, name).GetLabels()
				return labels[desired.LabelMesh] == "shop", fmt.Sprint(labels)
			})
		}
	}
	for _, k := range []kind{core("ConfigMap"), core("Secret")} { // they go, and come back
		for _, name := range a.names(k, "shop") {
			a.merge(a.get(k, name), `{"immutable": true}`)
		}
	}
	a.change("shop", func(fm *v1beta1.FunctionMesh) { // count, with its store orders
		fm.Spec = v1beta1.FunctionMeshSpec{Functions: fm.Spec.Functions[4:5], Components: fm.Spec.Components[1:2]}
	})
	a.applied("shop")
	now := a.get(core("Secret"), "shop-tokens").Object["data"].(map[string]any)
	if before := tokens.(map[string]any)["count"]; before == nil || now["count"] != before || len(now) == len(tokens.(map[string]any)) {
		t.Error("the tokens that are kept are not those that were there")
	}

	used := make(map[string]bool)
	for _, r := range a.requests(from) {
		used[r.right()] = true
		if r.Verb == "patch" && r.ResponseStatus.Code == 201 {
			r.Verb = "create" // as the API server asks of who applies what is not there
			used[r.right()] = true
		}
		if r.ResponseStatus.Code == 403 {
			t.Errorf("it may not %s", r.right())
		}
	}
	rights := granted(t)
	for right := range rights {
		what, list := strings.CutSuffix(right, " list")
		switch {
		case used[right], uncounted[right] != "":
		case list && used[what+" watch"]: // API servers before 1.34 have to be asked for both
		default:
			t.Errorf("it may %s, and does not", right)
		}
	}
	for right := range used {
		if !rights[right] {
			t.Errorf("it does %s, and may not", right)
		}
	}
}
