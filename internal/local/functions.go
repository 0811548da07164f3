package local

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/weftmesh/weft/internal/contract"
	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

// functions calls the functions of a generation for the Dapr API: one function
// for another, or for a message of a topic. What they answer goes to the
// caller and is not routed; what they emit is.
type functions struct {
	g *generation
	// trigger is what the calls are known as in traces.
	trigger string
}

var plainTransport = sync.OnceValue(func() http.RoundTripper {
	return &http.Transport{MaxIdleConnsPerHost: 64, IdleConnTimeout: 30 * time.Second, DisableCompression: true}
})

// Do implements subscriptions.Functions. A call takes no longer than the
// function's timeout, up to the end of its answer.
func (fs functions) Do(f *mesh.Function, r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	timedOut := fmt.Errorf("%s did not answer within %s", f.Name, f.Timeout)
	timer := time.AfterFunc(f.Timeout, func() { cancel(timedOut) })
	ep, err := fs.g.manager.Acquire(ctx, f)
	if err != nil {
		timer.Stop()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		cancel(nil)
		return nil, err
	}
	if ep.NoTimeout {
		timer.Stop()
	}
	header, rec := traced(r.Header, f, fs.trigger)
	rec.ColdStart = ep.ColdStart
	if ep.Token != "" {
		header.Set(contract.HeaderToken, ep.Token)
	}
	fs.g.e.recorder.CallStarted(f, nil)
	end := sync.OnceFunc(func() {
		timer.Stop()
		cancel(nil)
		rec.Duration = time.Since(rec.Started)
		fs.g.e.recorder.CallEnded(rec)
		ep.Release(rec.StatusCode == 0 && !errors.Is(rec.Err, context.Canceled) && !errors.Is(rec.Err, timedOut))
	})
	resp, err := send(ctx, ep, r, header)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		rec.Err = err
		end()
		return nil, err
	}
	rec.StatusCode = resp.StatusCode
	if resp.StatusCode >= http.StatusInternalServerError {
		rec.Err = errors.New(resp.Status)
	}
	if err := fs.route(ctx, f, resp); err != nil {
		rec.Err = err
		_ = resp.Body.Close()
		end()
		return nil, err
	}
	resp.Body = &endingBody{ReadCloser: resp.Body, end: end}
	return resp, nil
}

func send(ctx context.Context, ep delivery.Endpoint, r *http.Request, header http.Header) (*http.Response, error) {
	base, err := url.Parse(ep.URL)
	if err != nil {
		return nil, err
	}
	out := r.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.Host = base.Scheme, base.Host, ""
	out.RequestURI, out.Header = "", header
	transport := ep.Transport
	if transport == nil {
		transport = plainTransport()
	}
	return transport.RoundTrip(out)
}

// endingBody ends the call when the answer has been read or given up.
type endingBody struct {
	io.ReadCloser
	end func()
}

func (b *endingBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// traced gives a call its place in the trace that the headers carry, or begins
// one (W3C Trace Context). What only an engine may say is left out: the host
// would believe it, for the call comes with the function's token.
func traced(in http.Header, f *mesh.Function, trigger string) (http.Header, delivery.CallRecord) {
	header := in.Clone()
	if header == nil {
		header = make(http.Header)
	}
	for name := range header {
		if strings.HasPrefix(name, "Weft-") || strings.HasPrefix(name, "Ce-Weft") {
			delete(header, name)
		}
	}
	parent := trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), propagation.HeaderCarrier(header)))
	var traceID trace.TraceID
	var spanID trace.SpanID
	rec := delivery.CallRecord{Function: f, Trigger: trigger, Attempt: 1, Final: true, Started: time.Now()}
	flags := trace.FlagsSampled
	if parent.IsValid() {
		traceID, flags = parent.TraceID(), parent.TraceFlags()
		rec.ParentID = parent.SpanID().String()
	} else {
		binary.BigEndian.PutUint64(traceID[:], rand.Uint64()|1)
		binary.BigEndian.PutUint64(traceID[8:], rand.Uint64())
	}
	binary.BigEndian.PutUint64(spanID[:], rand.Uint64()|1)
	own := trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: spanID, TraceFlags: flags, TraceState: parent.TraceState()})
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), own), propagation.HeaderCarrier(header))
	rec.TraceID, rec.SpanID = traceID.String(), spanID.String()
	header.Set(contract.HeaderTraceID, rec.TraceID)
	return header, rec
}
