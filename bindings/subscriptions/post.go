package subscriptions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/pubsub"
	"golang.org/x/net/http/httpguts"

	"github.com/weftmesh/weft/internal/contract"
)

// maxAnswer bounds how much of an answer is read, in bytes (daprd's default).
const maxAnswer = 4 << 20

// maxQuoted bounds how much of an answer is quoted, in bytes.
const maxQuoted = 200

// answer is what a function answered.
type answer struct {
	status int
	body   []byte
}

func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// quote gives the beginning of the body for people.
func (a answer) quote() string {
	b := bytes.TrimSpace(a.body)
	if len(b) > maxQuoted {
		b = b[:maxQuoted]
	}
	return strings.ToValidUTF8(string(b), string(utf8.RuneError))
}

// call sends a request to the function, in one of its places.
func (mem *member) call(ctx context.Context, method, path string, header http.Header, body []byte) (answer, error) {
	select {
	case mem.slots <- struct{}{}:
		defer func() { <-mem.slots }()
	case <-mem.m.stopping:
		return answer{}, errStopping
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://"+mem.f.Service+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	r.Header = header
	resp, err := mem.m.cfg.Functions.Do(mem.f, r)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1)); err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(a.body) > maxAnswer {
		return answer{}, fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	mem.pauses.reset()
	return a, nil
}

// post delivers a message to the function.
func (mem *member) post(_ context.Context, msg *message) error {
	header := headers(msg.Metadata)
	header.Set("Content-Type", contenttype.CloudEventContentType)
	if header.Get(contract.HeaderTraceParent) == "" {
		parent := msg.text(pubsub.TraceParentField)
		if parent == "" {
			parent = msg.text(pubsub.TraceIDField)
		}
		if httpguts.ValidHeaderFieldValue(parent) && parent != "" {
			header.Set(contract.HeaderTraceParent, parent)
			if state := msg.text(pubsub.TraceStateField); state != "" && httpguts.ValidHeaderFieldValue(state) {
				header.Set(contract.HeaderTraceState, state)
			}
		}
	}
	// A call goes on when the component has lost patience: what it does is done
	// once at least.
	a, err := mem.call(context.Background(), http.MethodPost, msg.Path, header, msg.Body)
	if err != nil {
		return err
	}
	return a.verdict()
}

// verdict says what an answer to a message means: nil that it is done,
// errDropped that it is not wanted, any other error that it is to come again.
func (a answer) verdict() error {
	switch {
	case a.status == http.StatusNotFound:
		return fmt.Errorf("%w: the function answered 404: %s", errDropped, a.quote())
	case !a.ok():
		return fmt.Errorf("the function answered %d: %s", a.status, a.quote())
	}
	var said struct {
		pubsub.AppResponse
		Error any // why, in the words of Weft's own handlers
	}
	// A body that is none of Dapr's is as good as an empty one.
	if json.NewDecoder(bytes.NewReader(a.body)).Decode(&said) != nil {
		return nil
	}
	switch said.Status {
	case "", pubsub.Success:
		return nil
	case pubsub.Retry:
		return errors.New("the function answered RETRY")
	case pubsub.Drop:
		if why, ok := said.Error.(string); ok && why != "" {
			return fmt.Errorf("%w: the function answered DROP: %s", errDropped, answer{body: []byte(why)}.quote())
		}
		return fmt.Errorf("%w: the function answered DROP", errDropped)
	}
	return fmt.Errorf("the function answered status %.40q, which is none of SUCCESS, RETRY and DROP", string(said.Status))
}

// headers makes headers of a message's metadata as daprd does: without those of
// a connection and of the body, and gRPC's own under another name. Also without
// what would have a function take the message for a delivery of its mesh, and
// without what is no valid header, for which daprd fails.
func headers(metadata map[string]string) http.Header {
	h := make(http.Header, len(metadata)+3)
	nominated := ""
	for k, v := range metadata {
		if strings.EqualFold(k, "Connection") {
			nominated = "," + strings.ReplaceAll(strings.ToLower(v), " ", "") + ","
		}
	}
	for k, v := range metadata {
		name := strings.ToLower(k)
		switch {
		case hopByHop[name], strings.Contains(nominated, ","+name+","),
			name == "content-type", name == "content-length", name == "host", name == "destination-app-id",
			strings.HasSuffix(name, "-bin"), strings.HasPrefix(name, "ce-"), strings.HasPrefix(name, "weft-"),
			!httpguts.ValidHeaderFieldName(name), !httpguts.ValidHeaderFieldValue(v):
			continue
		case strings.HasPrefix(name, "grpc-"):
			name = "dapr-" + name
		}
		h.Set(name, v)
	}
	return h
}

var hopByHop = map[string]bool{
	"connection": true, "keep-alive": true, "proxy-connection": true, "transfer-encoding": true, "upgrade": true,
	"http2-settings": true, "te": true, "trailer": true, "proxy-authorization": true, "proxy-authenticate": true,
}
