package local

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/telemetry"
	"github.com/weftmesh/weft/internal/wire"
	"github.com/weftmesh/weft/mesh/delivery"
)

// Bounds of lists.
const (
	defaultTraces      = 20
	maxTraces          = 500
	defaultDeadLetters = 100
	maxDeadLetters     = 10_000
)

func (e *engine) apiInvoke(w http.ResponseWriter, r *http.Request) error {
	g, f, err := e.named(r.PathValue("name"))
	if err != nil {
		return err
	}
	var req adminapi.InvokeRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	ev := event.New()
	ev.SetID(req.ID)
	if req.ID == "" {
		ev.SetID(newToken())
	}
	ev.SetSource("/" + g.plan.Namespace + "/" + g.plan.Name + "/invoke")
	ev.SetType(req.Type)
	if req.Type == "" {
		ev.SetType(g.plan.Name + ".invoke")
	}
	ev.SetTime(time.Now())
	if len(req.Data) > 0 {
		ev.SetDataContentType(contract.TypeJSON)
		ev.DataEncoded = req.Data
	}
	if parent := r.Header.Get(contract.HeaderTraceParent); parent != "" {
		ev.SetExtension(contract.ExtTraceParent, parent)
	}
	rec, outputs, err := g.dispatcher.Call(r.Context(), f, &ev)
	var unavailable *delivery.UnavailableError
	switch {
	case errors.As(err, &unavailable):
		return fault(http.StatusServiceUnavailable, "its log says more: weft logs --function "+f.Name, "%s", unavailable.Error())
	case err != nil:
		return err
	}
	resp := adminapi.InvokeResponse{
		StatusCode: rec.StatusCode, TraceID: rec.TraceID, EventID: ev.ID(),
		Output: make([]json.RawMessage, 0, len(outputs)), Routed: []string{},
		Milliseconds: milliseconds(rec.Duration), ColdMilliseconds: milliseconds(rec.ColdStart),
	}
	if rec.Err != nil {
		resp.Error = rec.Err.Error()
	}
	for i := range outputs {
		resp.Output = append(resp.Output, dataJSON(&outputs[i].Event))
	}
	if !req.NoRoute {
		routed, err := g.dispatcher.Submit(r.Context(), delivery.OutcomeOf(rec, &ev, outputs))
		if err != nil {
			return err
		}
		for _, l := range routed.Links {
			resp.Routed = append(resp.Routed, l.To.Name)
		}
	}
	writeJSON(w, resp)
	return nil
}

// dataJSON is the data of an event: JSON as it is, else as a string.
func dataJSON(e *event.Event) json.RawMessage {
	if data := e.Data(); wire.IsJSON(e.DataContentType()) && json.Valid(data) {
		return data
	}
	b, err := json.Marshal(string(e.Data()))
	if err != nil {
		return json.RawMessage("null")
	}
	return b
}

func (e *engine) apiZero(w http.ResponseWriter, r *http.Request) error {
	g, f, err := e.named(r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := g.manager.Zero(r.Context(), f); err != nil {
		return err
	}
	writeJSON(w, g.manager.Status(f))
	return nil
}

// apiEnvironment is for those who run a function's program themselves.
func (e *engine) apiEnvironment(w http.ResponseWriter, r *http.Request) error {
	g, f, err := e.named(r.PathValue("name"))
	if err != nil {
		return err
	}
	list, err := g.environment(f)
	if err != nil {
		return err
	}
	env := adminapi.Environment{
		contract.EnvSink: e.sinkURL(f), contract.EnvTarget: f.Name, contract.EnvService: f.Service,
		contract.EnvConfiguration: f.Service, contract.EnvTimeout: f.Timeout.String(),
	}
	for _, kv := range list {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	writeJSON(w, env)
	return nil
}

func (e *engine) apiLogs(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	query := telemetry.LogQuery{Function: q.Get("function"), Level: q.Get("level"), Trace: q.Get("trace")}
	if query.Function != "" && query.Function != telemetry.EngineLines {
		_, f, err := e.named(query.Function)
		if err != nil {
			return err
		}
		query.Function = f.Name
	}
	var err error
	if s := q.Get("since"); s != "" {
		if query.Since, err = time.Parse(time.RFC3339Nano, s); err != nil {
			return fault(http.StatusBadRequest, "", "since=%s: a time such as 2026-01-02T15:04:05Z", s)
		}
	}
	if s := q.Get("follow"); s != "" {
		if query.Follow, err = strconv.ParseBool(s); err != nil {
			return fault(http.StatusBadRequest, "", "follow=%s: true or false", s)
		}
	}
	if query.Most, err = number(r, "most", 1000, 1<<20); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/jsonl")
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	flush := func() { _ = http.NewResponseController(w).Flush() } // who went away is found out by the next write
	ctx, stop := e.untilStopped(r.Context())
	defer stop()
	if err := e.store.Query(ctx, query, func(entry adminapi.LogEntry) bool { return enc.Encode(entry) == nil }, flush); err != nil {
		e.log.Warn("logs could not be read", "error", err.Error())
	}
	return nil
}

func (e *engine) apiDeadLetters(w http.ResponseWriter, r *http.Request) error {
	most, err := number(r, "most", defaultDeadLetters, maxDeadLetters)
	if err != nil {
		return err
	}
	letters, err := e.broker.DeadLetters().List(r.Context(), r.URL.Query().Get("function"), most)
	if err != nil {
		return err
	}
	list := make([]adminapi.DeadLetter, 0, len(letters))
	for _, d := range letters {
		list = append(list, deadLetter(d, false))
	}
	writeJSON(w, list)
	return nil
}

func deadLetter(d delivery.DeadLetter, whole bool) adminapi.DeadLetter {
	out := adminapi.DeadLetter{
		ID: d.ID, Function: d.Function, Error: d.Error, Attempts: d.Attempts, TraceID: d.TraceID, Time: d.Time,
	}
	if d.Event == nil {
		return out
	}
	out.EventID, out.Type, out.Source = d.Event.ID(), d.Event.Type(), d.Event.Source()
	if whole {
		if b, err := wire.MarshalStructured(d.Event); err == nil {
			out.Event = b
		}
	}
	return out
}

func (e *engine) apiDeadLetter(w http.ResponseWriter, r *http.Request) error {
	d, err := e.broker.DeadLetters().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	writeJSON(w, deadLetter(d, true))
	return nil
}

func noDeadLetter(r *http.Request, err error) error {
	if errors.Is(err, delivery.ErrNotFound) {
		return fault(http.StatusNotFound, "weft dlq list shows those that there are", "there is no dead letter %s", r.PathValue("id"))
	}
	return err
}

func (e *engine) apiEdit(w http.ResponseWriter, r *http.Request) error {
	var body struct {
		Data json.RawMessage `json:"data"`
	}
	if err := readJSON(r, &body); err != nil {
		return err
	}
	if len(body.Data) == 0 {
		return fault(http.StatusBadRequest, "", `the body has no "data"`)
	}
	d, err := e.broker.DeadLetters().Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	edited := d.Event.Clone()
	edited.SetDataContentType(contract.TypeJSON)
	edited.DataEncoded, edited.DataBase64 = body.Data, false
	d.Event = &edited
	if err := e.broker.DeadLetters().Replace(r.Context(), d); err != nil {
		return noDeadLetter(r, err)
	}
	writeJSON(w, deadLetter(d, true))
	return nil
}

func (e *engine) apiDrop(w http.ResponseWriter, r *http.Request) error {
	if err := e.broker.DeadLetters().Remove(r.Context(), r.PathValue("id")); err != nil {
		return noDeadLetter(r, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (e *engine) apiRedrive(w http.ResponseWriter, r *http.Request) error {
	id, err := e.current.Load().dispatcher.Redrive(r.Context(), r.PathValue("id"))
	if err != nil {
		return noDeadLetter(r, err)
	}
	writeJSON(w, map[string]string{"id": id})
	return nil
}

func (e *engine) apiTraces(w http.ResponseWriter, r *http.Request) error {
	most, err := number(r, "most", defaultTraces, maxTraces)
	if err != nil {
		return err
	}
	writeJSON(w, e.recorder.Traces(most))
	return nil
}

func (e *engine) apiTrace(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	t, ok := e.recorder.Trace(id)
	if !ok {
		return fault(http.StatusNotFound, "weft trace lists the latest; the engine remembers the last few thousand calls",
			"no trace, event or key %q is remembered", id)
	}
	writeJSON(w, t)
	return nil
}

func (e *engine) apiStop(w http.ResponseWriter, _ *http.Request) error {
	return e.endAndAnswer(w, false)
}

func (e *engine) apiDelete(w http.ResponseWriter, r *http.Request) error {
	force := false
	if s := r.URL.Query().Get("force"); s != "" {
		var err error
		if force, err = strconv.ParseBool(s); err != nil {
			return fault(http.StatusBadRequest, "", "force=%s: true or false", s)
		}
	}
	if !force {
		// Those of functions that the mesh had once count as well.
		events, letters, err := e.broker.Left(r.Context())
		if err != nil {
			return err
		}
		if events+letters > 0 {
			return fault(http.StatusConflict, "let them be worked off, or remove them as well: weft delete --force",
				"%s", (&LeftError{Events: events, DeadLetters: letters}).Error())
		}
	}
	return e.endAndAnswer(w, true)
}

// endAndAnswer stops the engine and answers once that is done.
func (e *engine) endAndAnswer(w http.ResponseWriter, remove bool) error {
	e.askStop(remove)
	<-e.stopped
	if e.stopErr != nil {
		return e.stopErr
	}
	writeJSON(w, map[string]string{"status": "stopped"})
	return nil
}
