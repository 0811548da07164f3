package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	article     = "order-processing-mesh"
	articlePath = "/ingest-order"
	toZeroArg   = "spec.policies.scaling.minReplicas=0"
)

// resources are what stands beside the article's file: its component, word for
// word, is copied there too.
const resources = `apiVersion: v1
kind: Secret
metadata: {name: redis-secret}
stringData: {password: ""}
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: email}
spec:
  type: bindings.smtp
  version: v1
  metadata:
    - {name: host, value: collector}
    - {name: port, value: "1025"}
    - {name: emailFrom, value: shop@shop.example}
    - {name: user, value: shop}
    - {name: password, value: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: db-credentials}
stringData: {url: "postgres://shop@db.shop.example/orders"}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: email-config}
data: {smtp-host: smtp.shop.example}
`

// articleDir is a directory with one of the article's files, changed by edit,
// and the functions of the sample. The namespace is the test's.
func (e *env) articleDir(file string, edit func(string) string) (string, error) {
	dir := filepath.Join(e.dir, strings.TrimSuffix(file, ".yaml"))
	sample := filepath.Join(e.root, "samples", "article")
	text, err := os.ReadFile(filepath.Join(sample, file))
	if err != nil {
		return "", err
	}
	component, err := os.ReadFile(filepath.Join(sample, "order-state.yaml"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(dir, "resources"), 0o755); err != nil {
		return "", err
	}
	if edit != nil {
		text = []byte(edit(string(text)))
	}
	for name, content := range map[string][]byte{
		"mesh.yaml": text, "resources/order-state.yaml": component, "resources/beside.yaml": []byte(resources),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return "", err
		}
	}
	link := filepath.Join(dir, "functions")
	if _, err := os.Lstat(link); err != nil {
		if err := os.Symlink(filepath.Join(e.root, "samples", "order-processing", "functions"), link); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "mesh.yaml"), nil
}

// deployArticle puts file one on the cluster, word for word but for the minimum.
func deployArticle(ctx context.Context, e *env) error {
	file, err := e.articleDir("file-one.yaml", nil)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := e.deploy(ctx, file, "--set", toZeroArg); err != nil {
		return err
	}
	e.figure("article_deploy_seconds", seconds(time.Since(start)), "weft deploy of file one: built, pushed, ready")
	return nil
}

// orders sends 500 and waits for the mail about each.
func orders(ctx context.Context, e *env) error {
	start := time.Now()
	ids := ids(e.prefix("order"), 500)
	if err := e.front(article).sendAll(ctx, articlePath, ids, 20, 0, anOrder); err != nil {
		return err
	}
	accepted := time.Since(start)
	again, _, err := e.collector.all(ctx, "mail", ids, 2*time.Minute)
	if err != nil {
		return err
	}
	e.figure("orders_accepted_seconds", seconds(accepted), "500 orders, 20 at a time, from all at zero or one replica")
	e.figure("orders_done_seconds", seconds(time.Since(start)), "until there was mail about each")
	e.figure("orders_mails_again", again, "mails beyond one for each order")
	// Dapr's bindings.smtp keeps what a request asks for where the next one finds
	// it (components-contrib v1.18.1): mails sent at once may get each other's
	// subject, and address. Their text is right, and what counts here.
	mixed, err := e.collector.seen(ctx, "mixed")
	if err != nil {
		return err
	}
	e.figure("orders_mails_mixed", len(mixed), "mails with the subject of another order: a fault of Dapr's bindings.smtp")
	return nil
}

// prefix of ids that no other run has.
func (e *env) prefix(what string) string { return fmt.Sprintf("%s-%d", what, time.Now().Unix()) }

func toZero(ctx context.Context, e *env) error {
	took, err := e.atZero(ctx, article, 3*time.Minute)
	if err != nil {
		return err
	}
	e.figure("article_to_zero_seconds", seconds(took), "until no pod but the front's was left")
	fronts, err := e.pods(ctx, "weft.dev/mesh="+article+",weft.dev/role=front")
	if err != nil || len(fronts) == 0 {
		return fmt.Errorf("there is no front: %w", err)
	}
	return nil
}

// wakeArticle times one order through three functions at zero, with Dapr's
// sidecars where they use components.
func wakeArticle(ctx context.Context, e *env) error {
	if _, err := e.atZero(ctx, article, 3*time.Minute); err != nil {
		return err
	}
	id := e.prefix("wake")
	start := time.Now()
	if err := e.front(article).send(ctx, articlePath, id, anOrder(id)); err != nil {
		return err
	}
	answered := time.Since(start)
	if err := e.collector.wait(ctx, "mail", id, time.Minute); err != nil {
		return err
	}
	e.figure("wake_article_answer_seconds", seconds(answered), "from zero, until the order is taken")
	e.figure("wake_article_seconds", seconds(time.Since(start)), "until its mail is there, through Dapr's sidecars")
	return nil
}

// stateKept adds a function to the running mesh that keeps a count in the
// article's store, and holds what it reads later, woken anew, against what was
// written. Each function has keys of its own there: the component, as the
// article has it, sets no keyPrefix.
func stateKept(ctx context.Context, e *env) error {
	file, err := e.articleDir("file-one.yaml", func(text string) string {
		return strings.Replace(text, "  connections:", fmt.Sprintf(`    - name: keep
      source: %q
      triggers: [{type: http, path: /keep, methods: [POST, GET]}]
  connections:`, filepath.Join(e.root, "hack", "e2e", "meshes", "functions", "keep")), 1)
	})
	if err != nil {
		return err
	}
	if err := e.deploy(ctx, file, "--set", toZeroArg); err != nil {
		return err
	}
	f := e.front(article)
	before, err := f.kept(ctx)
	if err != nil {
		return err
	}
	const n = 20
	if err := f.sendAll(ctx, "/keep", ids(e.prefix("keep"), n), 5, 0, func(id string) string { return strconv.Quote(id) }); err != nil {
		return err
	}
	if _, err := e.atZero(ctx, article, 3*time.Minute); err != nil {
		return err
	}
	after, err := f.kept(ctx)
	if err != nil {
		return err
	}
	if after-before != n {
		return fmt.Errorf("%d were counted in the store, and the count went from %d to %d", n, before, after)
	}
	tell("a handler counted %d in state.redis through Dapr, and read them after all had gone to zero", n)
	return nil
}

// kept is the count that the function keep has.
func (f *front) kept(ctx context.Context) (n int, err error) {
	_, err = await(ctx, time.Minute, func(ctx context.Context) (bool, string, error) {
		status, text, err := f.do(ctx, http.MethodGet, "/keep", nil, nil)
		if err != nil || status != http.StatusOK {
			f.drop()
			return false, fmt.Sprintf("/keep answers %d %s %v", status, text, err), nil
		}
		n, err = strconv.Atoi(strings.TrimSpace(string(text)))
		return true, "", err
	})
	return n, err
}

const sku = "tea-100"
