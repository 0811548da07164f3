package local

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weftmesh/weft/internal/adminapi"
	"github.com/weftmesh/weft/internal/adminserver"
	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/internal/telemetry"
)

func (e *engine) apiZero(w http.ResponseWriter, r *http.Request) error {
	g, f, err := e.named(r.PathValue("name"))
	if err != nil {
		return err
	}
	if err := g.manager.Zero(r.Context(), f); err != nil {
		return err
	}
	adminserver.WriteJSON(w, g.manager.Status(f))
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
	adminserver.WriteJSON(w, env)
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
			return adminserver.Fault(http.StatusBadRequest, "", "since=%s: a time such as 2026-01-02T15:04:05Z", s)
		}
	}
	if s := q.Get("follow"); s != "" {
		if query.Follow, err = strconv.ParseBool(s); err != nil {
			return adminserver.Fault(http.StatusBadRequest, "", "follow=%s: true or false", s)
		}
	}
	if query.Most, err = adminserver.Number(r, "most", 1000, 1<<20); err != nil {
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

func (e *engine) apiStop(w http.ResponseWriter, _ *http.Request) error {
	return e.endAndAnswer(w, false)
}

func (e *engine) apiDelete(w http.ResponseWriter, r *http.Request) error {
	force := false
	if s := r.URL.Query().Get("force"); s != "" {
		var err error
		if force, err = strconv.ParseBool(s); err != nil {
			return adminserver.Fault(http.StatusBadRequest, "", "force=%s: true or false", s)
		}
	}
	if !force {
		// Those of functions that the mesh had once count as well.
		events, letters, err := e.broker.Left(r.Context())
		if err != nil {
			return err
		}
		if events+letters > 0 {
			return adminserver.Fault(http.StatusConflict, "let them be worked off, or remove them as well: weft delete --force",
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
	adminserver.WriteJSON(w, map[string]string{"status": "stopped"})
	return nil
}
