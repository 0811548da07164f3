package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/internal/adminapi"
)

// chain is a mesh of three functions in a row, with room for more of each.
const chain = `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: takeOrder, command: [$STEP], triggers: [{type: http, path: /orders}]}
    - {name: check, command: [$STEP]}
    - {name: tell, command: [$STEP]}
  connections:
    - {from: takeOrder, to: check}
    - {from: check, to: tell}
  policies:
    retry: {maxAttempts: 3, initialInterval: 10ms, maxInterval: 20ms}
`

func TestOrderThroughThreeFunctions(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	status, body, header := r.post("/orders", `{"id":"o-1"}`, "Ce-Id", "x", "Ce-Specversion", "1.0")
	if status != http.StatusOK || asJSON(t, body)["by"] != "takeOrder" {
		t.Fatalf("answer: %d %s", status, body)
	}
	r.await("tell", "o-1")

	var trace adminapi.Trace
	r.eventually("a trace of three calls", func() bool {
		var err error
		trace, err = r.client.Trace(t.Context(), "o-1")
		return err == nil && len(trace.Calls) == 3
	})
	var got []string
	for i, c := range trace.Calls {
		got = append(got, c.Function+" "+c.Link)
		if i > 0 && c.ParentID != trace.Calls[i-1].SpanID {
			t.Errorf("%s hangs on %s, not on the call before it", c.Function, c.ParentID)
		}
	}
	if diff := cmp.Diff([]string{"takeOrder ", "check takeOrder->check", "tell check->tell"}, got); diff != "" {
		t.Error(diff)
	}
	if trace.TraceID != header.Get("X-Trace-Id") || trace.Key != "o-1" || trace.Error {
		t.Errorf("trace: %+v", trace)
	}

	for line, want := range map[string]string{
		`function_invocations_total{function="check",mesh="shop"}`:                "1",
		`function_errors_total{function="check",mesh="shop"}`:                     "0",
		`function_duration_seconds_count{function="check",mesh="shop"}`:           "1",
		`mesh_connections_active{link="takeOrder->check",mesh="shop"}`:            "0",
		`mesh_events_routed_total{link="check->tell",mesh="shop"}`:                "1",
		`function_invocations_total{function="takeOrder",mesh="shop"}`:            "1",
		`function_cold_starts_total{function="takeOrder",mesh="shop"}`:            "1",
		`function_circuit_breaker_state{function="check",mesh="shop"}`:            "0",
		`function_duration_seconds_bucket{function="tell",mesh="shop",le="+Inf"}`: "1",
	} {
		if got := r.metric(line); got != want {
			t.Errorf("%s is %q, want %s", line, got, want)
		}
	}

	s := r.status()
	if !s.Ready || s.Mesh != "shop" || len(s.Functions) != 3 || len(s.Links) != 2 || s.Links[0].Routed != 1 {
		t.Errorf("status: %+v", s)
	}
	if f := s.Functions[0]; f.State != "ready" || f.Invocations != 1 || len(f.Routes) != 1 || f.P95ms == 0 {
		t.Errorf("status of takeOrder: %+v", f)
	}
}

func TestRetryThenSuccess(t *testing.T) {
	r := newRig(t, chain, func(c hookCall) string {
		if c.Function == "check" && c.Attempt < 3 {
			return "fail"
		}
		return ""
	})
	r.up()
	r.order("o-1")
	if c := r.await("tell", "o-1"); c.Attempt != 1 {
		t.Errorf("tell was called first at attempt %d", c.Attempt)
	}
	if n := r.count("check", "o-1"); n != 3 {
		t.Errorf("check was called %d times", n)
	}
	if got := r.metric(`function_retries_total{function="check",mesh="shop"}`); got != "2" {
		t.Errorf("retries: %s", got)
	}
}

func TestDeadLetterIsRedriven(t *testing.T) {
	r := newRig(t, chain, func(c hookCall) string {
		if c.Function == "check" {
			return "fail"
		}
		return ""
	})
	r.up()
	traceID := r.order("o-1")
	var letters []adminapi.DeadLetter
	r.eventually("a dead letter", func() bool {
		letters, _ = r.client.DeadLetters(t.Context(), "check", 0)
		return len(letters) == 1
	})
	d := letters[0]
	if d.Attempts != 3 || !strings.Contains(d.Error, "told to fail") || d.TraceID != traceID {
		t.Errorf("dead letter: %+v", d)
	}
	var refused *adminapi.Error
	if err := r.client.Delete(t.Context(), false); !errors.As(err, &refused) || refused.StatusCode != http.StatusConflict {
		t.Errorf("with a dead letter left, delete says %v", err)
	}
	if err := r.client.EditDeadLetter(t.Context(), d.ID, json.RawMessage(`{"id":"o-1-mended"}`)); err != nil {
		t.Fatal(err)
	}
	r.act(nil)
	if _, err := r.client.Redrive(t.Context(), d.ID); err != nil {
		t.Fatal(err)
	}
	r.await("tell", "o-1-mended")
	if _, err := r.client.DeadLetter(t.Context(), d.ID); err == nil {
		t.Error("a redriven dead letter is gone")
	}
}

func TestErrorLinkTakesTheInput(t *testing.T) {
	mesh := strings.Replace(chain, "connections:", "connections:\n    - {from: check, to: mend, condition: \"status == 'error'\"}", 1)
	mesh = strings.Replace(mesh, "  connections:", "    - {name: mend, command: [$STEP]}\n  connections:", 1)
	r := newRig(t, mesh, func(c hookCall) string {
		if c.Function == "check" {
			return "permanent"
		}
		return ""
	})
	r.up()
	r.order("o-1")
	r.await("mend", "o-1")
	if n := r.count("check", "o-1"); n != 1 {
		t.Errorf("a permanent failure is not tried again, and check was called %d times", n)
	}
	letters, err := r.client.DeadLetters(t.Context(), "", 0)
	if err != nil || len(letters) != 0 {
		t.Errorf("a link took the failure, and yet: %v, %v", letters, err)
	}
}

func TestEmitFromRequestAndFromEvent(t *testing.T) {
	mesh := strings.Replace(chain, "connections:", "connections:\n    - {from: takeOrder, to: tell}", 1)
	r := newRig(t, mesh, func(c hookCall) string {
		switch {
		case c.Function == "takeOrder" && c.ID == "bad":
			return "emit nobody"
		case c.Function == "takeOrder":
			return "emit check"
		case c.Function == "check":
			return "emit tell"
		}
		return ""
	})
	r.up()
	status, _, header := r.post("/orders", `{"id":"o-1"}`)
	if status != http.StatusOK || header.Get("Weft-Emitted") != "" {
		t.Errorf("answer: %d %v", status, header)
	}
	r.await("tell", "o-1")
	r.down()
	if n := r.count("tell", "o-1"); n != 1 {
		t.Errorf("what is emitted to check does not reach tell directly, which was called %d times", n)
	}
	r.up()
	if status, body, _ := r.post("/orders", `{"id":"bad"}`); status != http.StatusInternalServerError {
		t.Errorf("an emit without a link: %d %s", status, body)
	}
}

func TestIdempotencyKey(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	for range 3 {
		if status, body, _ := r.post("/orders", `{"id":"o-1"}`, "Idempotency-Key", "k-1"); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	r.await("tell", "o-1")
	r.order("o-2")
	r.await("tell", "o-2")
	r.down()
	if n := r.count("check", "o-1"); n != 1 {
		t.Errorf("three requests with one key made %d events", n)
	}
	if n := r.count("takeOrder", "o-1"); n != 3 {
		t.Errorf("the function itself sees every request, and was called %d times", n)
	}
}

func TestFunctionKilledAmidACall(t *testing.T) {
	hold := make(chan struct{})
	r := newRig(t, chain, func(c hookCall) string {
		if c.Function == "check" && c.Attempt == 1 {
			<-hold
		}
		return ""
	})
	defer close(hold)
	r.up()
	r.order("o-1")
	victim := r.await("check", "o-1")
	if err := syscall.Kill(victim.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := r.await("check", "o-1")
	if again.PID == victim.PID {
		t.Error("the same process was called again")
	}
	r.await("tell", "o-1")
}

func TestEventsOutliveTheEngine(t *testing.T) {
	mesh := strings.Replace(chain, "{name: check, command: [$STEP]}",
		"{name: check, command: [$STEP], concurrency: 1, scaling: {maxReplicas: 1}}", 1)
	hold := make(chan struct{})
	r := newRig(t, mesh, func(c hookCall) string {
		if c.Function == "check" {
			<-hold
		}
		return ""
	})
	r.up()
	for i := range 5 {
		r.order(fmt.Sprint("o-", i))
	}
	r.await("check", "")
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		r.down()
	}()
	close(hold)
	<-stopped
	if _, err := os.Stat(r.data + "/run.json"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json of a stopped engine: %v", err)
	}
	r.up()
	r.eventually("every order told", func() bool {
		for i := range 5 {
			if r.count("tell", fmt.Sprint("o-", i)) == 0 {
				return false
			}
		}
		return true
	})
}

func TestStopLetsRequestsFinish(t *testing.T) {
	hold := make(chan struct{})
	r := newRig(t, chain, func(c hookCall) string {
		if c.Function == "takeOrder" {
			<-hold
		}
		return ""
	})
	r.up()
	answered := make(chan int)
	go func() {
		status, _, _ := r.post("/orders", `{"id":"o-1"}`)
		answered <- status
	}()
	r.await("takeOrder", "o-1")
	stop := r.stop
	stop()
	close(hold)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("a request under way when the engine stops gets %d", status)
	}
	r.down()
	r.up()
	r.await("tell", "o-1")
}

func TestStream(t *testing.T) {
	mesh := `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - {name: ticker, command: [$STEP], env: [{name: STEP_STREAM, value: "1"}], triggers: [{type: http}]}
`
	second := make(chan struct{})
	r := newRig(t, mesh, func(c hookCall) string {
		if c.ID == "1" {
			<-second
		}
		return ""
	})
	r.up()
	resp, err := http.Get(r.run.HTTP + "/ticker")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	if !lines.Scan() || lines.Text() != "data: 0" {
		t.Fatalf("first event: %q", lines.Text())
	}
	close(second)
	for lines.Scan() && lines.Text() == "" {
	}
	if lines.Text() != "data: 1" {
		t.Errorf("second event: %q", lines.Text())
	}
}

func TestInvoke(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	resp, err := r.client.Invoke(t.Context(), "check", adminapi.InvokeRequest{Data: json.RawMessage(`{"id":"o-1"}`)})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"tell"}, resp.Routed); diff != "" || resp.Error != "" || len(resp.Output) != 1 {
		t.Errorf("response: %+v", resp)
	}
	r.await("tell", "o-1")
	resp, err = r.client.Invoke(t.Context(), "check", adminapi.InvokeRequest{Data: json.RawMessage(`{"id":"o-2"}`), NoRoute: true})
	if err != nil || len(resp.Routed) != 0 {
		t.Errorf("response: %+v, %v", resp, err)
	}
	var missing *adminapi.Error
	if _, err := r.client.Invoke(t.Context(), "chek", adminapi.InvokeRequest{}); !errors.As(err, &missing) ||
		missing.StatusCode != http.StatusNotFound || !strings.Contains(missing.Hint(), `"check"`) {
		t.Errorf("a name that is nearly right: %v", err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	mesh := strings.Replace(chain, "{name: check, command: [$STEP]}",
		"{name: check, command: [$STEP], env: [{name: STEP_SECRET, valueFrom: {secretKeyRef: {name: db, key: url}}}]}", 1)
	r := newRig(t, mesh, func(c hookCall) string {
		if c.Function == "check" {
			return "print connecting to"
		}
		return ""
	})
	r.write("local/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {url: 'postgres://u:hunter2@db'}\n")
	r.up()
	r.order("o-1")
	r.await("tell", "o-1")
	var line string
	r.eventually("the line in the log", func() bool {
		err := r.client.Logs(t.Context(), adminapi.LogFilter{Function: "check"}, func(e adminapi.LogEntry) error {
			if strings.HasPrefix(e.Message, "connecting") {
				line = e.Message
			}
			return nil
		})
		return err == nil && line != ""
	})
	if line != "connecting to ***" || strings.Contains(r.out.String(), "hunter2") {
		t.Errorf("line %q, console:\n%s", line, r.out)
	}
}

func TestSecretsAreMaskedInWhyAFunctionEnds(t *testing.T) {
	r := newRig(t, `
apiVersion: functions.openfunction.io/v1beta1
kind: FunctionMesh
metadata: {name: shop}
spec:
  functions:
    - name: broken
      command: [sh, -c, 'echo "no way in with $PASSWORD"; exit 1']
      env: [{name: PASSWORD, valueFrom: {secretKeyRef: {name: db, key: password}}}]
      triggers: [{type: http}]
`, nil)
	r.write("resources/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\nstringData: {password: hunter2secret}\n")
	r.up()
	status, body := r.get("/broken")
	if status != http.StatusServiceUnavailable || !strings.Contains(body, "no way in with ***") {
		t.Errorf("got %d %s", status, body)
	}
	if f := r.status().Functions[0]; !strings.Contains(f.Reason, "no way in with ***") {
		t.Errorf("the reason is %q", f.Reason)
	}
	r.eventually("that it ended is told", func() bool { return strings.Contains(r.out.String(), "broken ended") })
	if strings.Contains(r.out.String(), "hunter2secret") {
		t.Errorf("the log has the secret:\n%s", r.out)
	}
}

func TestZeroAndBack(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	r.order("o-1")
	r.await("tell", "o-1")
	resp := r.api(http.MethodPost, "/api/v1/functions/takeOrder/zero", r.run.Token)
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	if s := r.status().Functions[0]; s.State != "zero" || len(s.Replicas) != 0 {
		t.Errorf("status: %+v", s)
	}
	r.order("o-2")
	r.await("tell", "o-2")
}

func TestDelete(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	r.order("o-1")
	r.await("tell", "o-1")
	r.eventually("nothing under way", func() bool {
		for _, f := range r.status().Functions {
			if f.InFlight+f.Waiting+f.Retrying > 0 {
				return false
			}
		}
		return true
	})
	if err := r.client.Delete(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("the engine ended with %v", err)
	}
	r.stop = nil
	left, err := os.ReadDir(r.data + "/jetstream/jetstream/$G/streams")
	if err == nil && len(left) > 0 {
		t.Errorf("streams are left: %v", left)
	}
}

func TestAdminAccess(t *testing.T) {
	r := newRig(t, chain, nil)
	r.up()
	cases := map[string]struct {
		reason, path, token, host string
		status                    int
	}{
		"metrics":   {"metrics are open", "/metrics", "", "", 200},
		"health":    {"health is open", "/healthz", "", "", 200},
		"no token":  {"the API is not", "/api/v1/status", "", "", 401},
		"bad token": {"nor for a wrong token", "/api/v1/status", "x", "", 401},
		"token":     {"it is for the right one", "/api/v1/status", r.run.Token, "", 200},
		"pprof":     {"profiles need the token", "/debug/pprof/", "", "", 401},
		"profiles":  {"and come with it", "/debug/pprof/", r.run.Token, "", 200},
		"rebinding": {"a page cannot come in under its own name", "/metrics", "", "evil.example:9090", 421},
		"localhost": {"localhost is this machine", "/metrics", "", "localhost:9090", 200},
		"bad query": {"what cannot be understood is said", "/api/v1/traces?most=x", r.run.Token, "", 400},
		"no trace":  {"what is not there is said", "/api/v1/traces/nothing", r.run.Token, "", 404},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			resp := r.api(http.MethodGet, c.path, c.token, c.host)
			if resp.StatusCode != c.status {
				t.Errorf("%s: %s", c.reason, resp.Status)
			}
		})
	}
}

func (r *rig) api(method, path, token string, host ...string) *http.Response {
	r.t.Helper()
	req, err := http.NewRequestWithContext(r.t.Context(), method, r.run.Admin+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if len(host) > 0 && host[0] != "" {
		req.Host = host[0]
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func TestDeleteCountsWhatRemovedFunctionsLeft(t *testing.T) {
	patient := strings.Replace(chain, "initialInterval: 10ms, maxInterval: 20ms", "initialInterval: 5m, maxInterval: 5m", 1)
	r := newRig(t, patient, func(c hookCall) string {
		if c.Function == "tell" {
			return "fail"
		}
		return ""
	})
	r.up()
	r.order("o-1")
	r.await("tell", "o-1")
	r.eventually("an event that is told to be queued", func() bool {
		s := r.status().Functions[2]
		return s.Name == "tell" && s.Queued == 1 && s.Retrying == 1
	})
	r.down()

	before, _, _ := strings.Cut(patient, "    - {from: check, to: tell}")
	r.write("mesh.yaml", strings.Replace(before, "    - {name: tell, command: [$STEP]}\n", "", 1))
	r.up()
	var refused *adminapi.Error
	if err := r.client.Delete(t.Context(), false); !errors.As(err, &refused) || refused.StatusCode != http.StatusConflict {
		t.Fatalf("an event of a function that is gone is removed unasked: %v", err)
	}
	if refused.Error() != "1 event is left" {
		t.Errorf("it says %q", refused.Error())
	}
	if err := r.client.Delete(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r.stop = nil
	if err := <-r.ended; err != nil {
		t.Errorf("the engine ended with %v", err)
	}
}
