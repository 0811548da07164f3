package builder

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// frameworkFunctions import functions-framework-go, the SDK that it takes
// events from, and nothing else.
const frameworkFunctions = `
-- functions/web/f.go --
package web

import (
	"fmt"
	"log"
	"net/http"
	"sync"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func init() {
	functions.HTTP("other", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "the other one") })
	functions.HTTP("Web", serve)
}

var all = func() *sync.WaitGroup { wg := &sync.WaitGroup{}; wg.Add(10); return wg }()

func serve(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("secret of the panic")
	case "/together":
		all.Done()
		all.Wait()
	case "/teapot":
		w.Header().Set("X-Mine", "yes")
		w.WriteHeader(http.StatusTeapot)
	}
	log.New(funcframework.LogWriter(r.Context()), "", 0).Println("a line of the call")
	_, deadline := r.Context().Deadline()
	ctx := r.Context()
	fmt.Fprintf(w, "%s %s %s|%s|%s deadline=%v id=%v", r.Method, r.URL.Path, funcframework.TraceIDFromContext(ctx), funcframework.SpanIDFromContext(ctx),
		r.Header.Get("Function-Execution-Id"), deadline, funcframework.ExecutionIDFromContext(ctx) != "")
}
-- functions/events/f.go --
package events

import (
	"context"
	"fmt"
	"os"

	cloudevents "github.com/cloudevents/sdk-go/v2"

	"github.com/GoogleCloudPlatform/functions-framework-go/functions"
)

func init() { functions.CloudEvent("events", take) }

func take(ctx context.Context, e cloudevents.Event) error {
	switch e.Subject() {
	case "error":
		return fmt.Errorf("no 100%% success")
	case "panic":
		panic("in an event")
	}
	fmt.Fprintf(os.Stderr, "took %s from %s about %s: %s\n", e.Type(), e.Source(), e.Subject(), e.Data())
	return nil
}
-- functions/background/f.go --
package background

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/GoogleCloudPlatform/functions-framework-go/funcframework"
)

type message struct {
	Data string
}

func init() {
	if err := funcframework.RegisterEventFunctionContext(context.Background(), "/", take); err != nil {
		panic(err)
	}
}

func take(ctx context.Context, m message) error {
	switch m.Data {
	case "error":
		return errors.New("not that one")
	case "panic":
		panic("in a message")
	}
	fmt.Fprintf(os.Stderr, "took message %q\n", m.Data)
	return nil
}
`

// pubSub is an event as the background functions of its time had them.
func pubSub(data string) string {
	return `{"context":{"eventId":"1","timestamp":"2020-09-29T11:32:00.000Z","eventType":"google.pubsub.topic.publish","resource":{"service":"pubsub.googleapis.com","name":"projects/p/topics/t","type":"type.googleapis.com/google.pubsub.v1.PubsubMessage"}},"data":{"data":"` + data + `"}}`
}

// TestFunctionsFramework has functions-framework-go behave in the host as its
// documents and its conformance client have it.
func TestFunctionsFramework(t *testing.T) {
	root := handlerProject(t, frameworkFunctions, gcf, old, ce)
	var reqs []Request
	for _, req := range requests(root, "web", "events", "background") {
		req.Env = environment()
		reqs = append(reqs, req)
	}
	results := (&Go{Root: root}).Build(context.Background(), reqs...)
	start := func(t *testing.T, i int, env ...string) *served {
		t.Helper()
		if results[i].Err != nil {
			t.Fatal(results[i].Err)
		}
		return serve(t, results[i].Binary, append([]string{"FUNCTION_TARGET=" + results[i].Function, "K_SINK="}, env...)...)
	}
	logged := func(t *testing.T, s *served, wants ...string) {
		t.Helper()
		s.stop()
		for _, want := range wants {
			if !strings.Contains(s.log.String(), want) {
				t.Errorf("no %q in the log\n%s", want, s.log)
			}
		}
	}
	structured := map[string]string{"Content-Type": "application/cloudevents+json"}
	cloudEvent := func(subject string) string {
		return `{"specversion":"1.0","id":"7","source":"/shop","type":"order","subject":"` + subject + `","datacontenttype":"application/json","data":{"n":1}}`
	}
	crash := []string{"X-Google-Status: crash"}
	failed := []string{"X-Google-Status: error"}

	t.Run("http", func(t *testing.T) {
		s := start(t, 0)
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			s.do(exchange{method: method, path: "/any/path", status: 200, want: []string{method + " /any/path ||", "deadline=false id=true"}})
		}
		s.do(exchange{method: "GET", path: "/teapot", status: 418, want: []string{"X-Mine: yes"}})
		s.do(exchange{method: "POST", path: "/panic", status: 500, want: append(crash, "A panic occurred during user function execution. Please see logs for more details.")})
		s.do(exchange{method: "GET", path: "/", status: 200,
			header: map[string]string{"Function-Execution-Id": "123456", "X-Cloud-Trace-Context": "105445aa7843bc8bf206b120001000/1;o=1"},
			want:   []string{"105445aa7843bc8bf206b120001000|1|123456"}})
		// All ten are under way at once, or none ends.
		var together sync.WaitGroup
		for range 10 {
			together.Go(func() { s.do(exchange{method: "GET", path: "/together", status: 200}) })
		}
		together.Wait()
		logged(t, s, "secret of the panic",
			`{"message":"a line of the call","logging.googleapis.com/trace":"105445aa7843bc8bf206b120001000","logging.googleapis.com/spanId":"1","logging.googleapis.com/labels":{"execution_id":"123456"}}`)
	})
	t.Run("deadline", func(t *testing.T) {
		s := start(t, 0, "CLOUD_RUN_TIMEOUT_SECONDS=30")
		s.do(exchange{method: "GET", path: "/", status: 200, want: []string{"deadline=true"}})
		s.stop()
	})
	t.Run("cloudevent", func(t *testing.T) {
		s := start(t, 1)
		s.do(exchange{method: "POST", path: "/", event: true, header: map[string]string{"Ce-Subject": "binary"}, body: `{"n":1}`, status: 200})
		s.do(exchange{method: "POST", path: "/", header: structured, body: cloudEvent("structured"), status: 200})
		s.do(exchange{method: "POST", path: "/", body: pubSub("aGVsbG8="), status: 200})
		s.do(exchange{method: "POST", path: "/", header: structured, body: cloudEvent("error"), status: 500})
		s.do(exchange{method: "POST", path: "/", header: structured, body: cloudEvent("panic"), status: 500})
		s.do(exchange{method: "POST", path: "/", body: `{"n":1}`, status: 400, want: crash})
		s.do(exchange{method: "POST", path: "/", body: `{`, status: 400, want: crash})
		s.do(exchange{method: "POST", path: "/", header: structured, body: `{"specversion":"1.0"}`, status: 400})
		logged(t, s, `took order from /shop about binary: {"n":1}`, `took order from /shop about structured: {"n":1}`,
			`took google.cloud.pubsub.topic.v1.messagePublished from //pubsub.googleapis.com/projects/p/topics/t about : {"message":`, `"messageId":"1"`)
	})
	t.Run("background", func(t *testing.T) {
		s := start(t, 2)
		s.do(exchange{method: "POST", path: "/", body: `{"data":"plain"}`, status: 200})
		s.do(exchange{method: "POST", path: "/", body: pubSub("wrapped"), status: 200})
		s.do(exchange{method: "POST", path: "/", header: map[string]string{
			"Ce-Id": "1", "Ce-Specversion": "1.0", "Ce-Type": "google.cloud.pubsub.topic.v1.messagePublished", "Ce-Source": "//pubsub.googleapis.com/projects/p/topics/t", "Ce-Time": "2020-09-29T11:32:00.000Z",
		}, body: `{"message":{"data":"converted"}}`, status: 200})
		s.do(exchange{method: "POST", path: "/", body: `{"data":"error"}`, status: 500, want: append(failed, "Function error: not that one")})
		s.do(exchange{method: "POST", path: "/", body: `{"data":"panic"}`, status: 500, want: crash})
		s.do(exchange{method: "POST", path: "/", body: `{`, status: 400, want: crash})
		logged(t, s, `took message "plain"`, `took message "wrapped"`, `took message "converted"`)
	})
	t.Run("target", func(t *testing.T) {
		// Of several registered functions the mesh's name chooses.
		req := reqs[0]
		req.Function, req.Name = "other", "other"
		r := (&Go{Root: root}).Build(context.Background(), req)[0]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		s := serve(t, r.Binary, "FUNCTION_TARGET=other")
		s.do(exchange{method: "GET", path: "/x", status: 200, want: []string{"the other one"}})
		s.stop()
		req.Function, req.Name = "nobody", "nobody"
		r = (&Go{Root: root}).Build(context.Background(), req)[0]
		if want := `there are 2 handlers, and none is named "nobody": name the function as one of them`; r.Err == nil || !strings.Contains(fmt.Sprint(r.Err), want) {
			t.Errorf("got %v", r.Err)
		}
	})
}
