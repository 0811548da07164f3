package dataplane

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Whoever reaches the front's loopback interface sees what it does, calls
// functions, and looks after dead letters.
func TestAdmin(t *testing.T) {
	var mended atomic.Bool
	c := newCluster(t, "knative", map[string]http.HandlerFunc{"notify-user": func(w http.ResponseWriter, _ *http.Request) {
		if !mended.Load() {
			http.Error(w, "the printer is out of paper", http.StatusUnprocessableEntity)
		}
	}})
	at, _ := c.start(c.options(RoleFront))
	client := adminapi.NewClient(adminapi.Run{Admin: "http://" + at.Admin}, "")
	ctx := t.Context()

	resp, err := client.Invoke(ctx, "validateInventory", adminapi.InvokeRequest{Data: json.RawMessage(`{"id":"o1"}`)})
	if err != nil || resp.StatusCode != http.StatusOK || len(resp.Output) != 1 || fmt.Sprint(resp.Routed) != "[notifyUser]" {
		t.Fatalf("invoke: %+v, %v", resp, err)
	}
	var letters []adminapi.DeadLetter
	c.eventually("there is a dead letter", func() bool {
		letters, err = client.DeadLetters(ctx, "", 0)
		return err == nil && len(letters) == 1
	})
	if l := letters[0]; l.Function != "notifyUser" || !strings.Contains(l.Error, "422") {
		t.Errorf("dead letter: %+v", l)
	}
	st, err := client.Status(ctx)
	if err != nil || st.Mesh != "shop" || !st.Ready || len(st.Functions) != 3 || len(st.Links) != 2 || st.Functions[2].DeadLetters != 1 || st.Functions[1].Invocations != 1 {
		t.Errorf("status: %+v, %v", st, err)
	}
	trace, err := client.Trace(ctx, resp.TraceID)
	if err != nil || len(trace.Calls) < 2 {
		t.Errorf("trace: %+v, %v", trace, err)
	}
	if traces, err := client.Traces(ctx, 10); err != nil || len(traces) != 1 {
		t.Errorf("traces: %+v, %v", traces, err)
	}

	id := letters[0].ID
	if err := client.EditDeadLetter(ctx, id, json.RawMessage(`{"paper":true}`)); err != nil {
		t.Errorf("edit: %v", err)
	}
	if l, err := client.DeadLetter(ctx, id); err != nil || !strings.Contains(string(l.Event), `"paper":true`) {
		t.Errorf("show: %s, %v", l.Event, err)
	}
	mended.Store(true)
	calls := c.called("notify-user")
	if _, err := client.Redrive(ctx, id); err != nil {
		t.Errorf("redrive: %v", err)
	}
	c.eventually("the redriven event is delivered", func() bool { return c.called("notify-user") > calls })
	c.eventually("no dead letter is left", func() bool {
		left, err := client.DeadLetters(ctx, "", 0)
		return err == nil && len(left) == 0
	})
	if err := client.Drop(ctx, id); err == nil || !strings.Contains(err.Error(), "there is no dead letter") {
		t.Errorf("drop: %v", err)
	}
	if _, err := client.Invoke(ctx, "validateInventry", adminapi.InvokeRequest{}); err == nil {
		t.Error("a function that there is not was called")
	}
}

// silent is a broker that does not tell what is in one of its queues.
type silent struct {
	delivery.Broker
	queue string
}

func (s silent) Stats(ctx context.Context, queue string) (delivery.Stats, error) {
	if queue == s.queue {
		return delivery.Stats{}, context.DeadlineExceeded
	}
	return s.Broker.Stats(ctx, queue)
}

func (s silent) DeadLetters() delivery.DeadLetters {
	if s.queue == "" {
		return silentLetters{s.Broker.DeadLetters()}
	}
	return s.Broker.DeadLetters()
}

type silentLetters struct{ delivery.DeadLetters }

func (silentLetters) Count(context.Context) (map[string]int, error) {
	return nil, context.DeadlineExceeded
}

// TestUnknownQueues: a queue that the broker does not tell of is none that is
// empty, for people delete what is.
func TestUnknownQueues(t *testing.T) {
	c := newCluster(t, "knative", nil)
	p := &process{opts: c.options(RoleFront)}
	if err := p.read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.reachBroker(t.Context()); err != nil {
		t.Fatal(err)
	}
	broker := p.broker.Broker
	t.Cleanup(func() {
		if err := p.broker.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, tc := range map[string]struct {
		reason, silent string
		want           []string
	}{
		"all told":     {reason: "each of them is known", silent: "none"},
		"one queue":    {reason: "the others are known all the same", silent: "validate-inventory", want: []string{"validateInventory"}},
		"dead letters": {reason: "these may be anybody's", silent: "", want: []string{"ingestOrder", "validateInventory", "notifyUser"}},
	} {
		t.Run(name, func(t *testing.T) {
			p.broker.Broker = silent{broker, tc.silent}
			var unknown []string
			for _, f := range (administered{p}).Status(t.Context()).Functions {
				if f.Unknown {
					unknown = append(unknown, f.Name)
				}
			}
			if diff := cmp.Diff(tc.want, unknown); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// There is no token: a web page must not get anywhere by the browser of someone
// who forwards the port, nor by a name of its own for that address.
func TestAdminRefusesWebPages(t *testing.T) {
	c := newCluster(t, "knative", nil)
	at, _ := c.start(c.options(RoleFront))
	for name, tc := range map[string]struct {
		reason string
		change func(*http.Request)
		want   int
	}{
		"command":   {reason: "no browser at all", change: func(*http.Request) {}, want: http.StatusOK},
		"page":      {reason: "a page of another site", change: func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, want: http.StatusForbidden},
		"old":       {reason: "an older browser", change: func(r *http.Request) { r.Header.Set("Origin", "https://example.com") }, want: http.StatusForbidden},
		"rebinding": {reason: "a name that was made to point here", change: func(r *http.Request) { r.Host = "example.com" }, want: http.StatusMisdirectedRequest},
	} {
		t.Run(name, func(t *testing.T) {
			req, err := http.NewRequest(http.MethodPost, "http://"+at.Admin+"/api/v1/functions/notifyUser/invoke", strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			tc.change(req)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if resp.StatusCode != tc.want {
				t.Errorf("%s is answered %d, want %d", tc.reason, resp.StatusCode, tc.want)
			}
		})
	}
	if at, _ := c.start(c.options(RoleDispatcher)); at.Admin != "" {
		t.Errorf("a dispatcher serves it too, at %s", at.Admin)
	}
}

// TestAdminIsOfThePodAlone: without a token, what reaches it may do all.
func TestAdminIsOfThePodAlone(t *testing.T) {
	for name, tc := range map[string]struct {
		reason, address string
		ok              bool
	}{
		"default":   {reason: "the pod's own", address: "", ok: true},
		"six":       {reason: "the other loopback address", address: "[::1]:9091", ok: true},
		"name":      {reason: "a name that is nowhere else", address: "localhost:9091", ok: true},
		"all":       {reason: "all interfaces", address: ":9091"},
		"all named": {reason: "all interfaces, by their address", address: "0.0.0.0:9091"},
		"pod":       {reason: "the address that others have", address: "10.1.2.3:9091"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := (Options{Role: RoleFront, Admin: tc.address}).withDefaults(); (err == nil) != tc.ok {
				t.Errorf("%s, %q: %v", tc.reason, tc.address, err)
			}
		})
	}
}
