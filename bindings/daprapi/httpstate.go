package daprapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/dapr/components-contrib/state"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
	"google.golang.org/grpc/codes"
)

const (
	headerETag    = "ETag"
	headerIfMatch = "If-Match"
)

// setBody is a key to write, as a body has it. The value goes to the store as
// it was given, as JSON: its numbers keep all their digits and its objects the
// order of their members.
type setBody struct {
	Key         string               `json:"key"`
	Value       json.RawMessage      `json:"value"`
	ETag        *string              `json:"etag"`
	Metadata    map[string]string    `json:"metadata"`
	Options     state.SetStateOption `json:"options"`
	ContentType *string              `json:"contentType"`
}

// request gives the request to a store. extra, from the URL, goes over the
// metadata of the body.
func (b *setBody) request(extra map[string]string) (state.SetRequest, error) {
	value, err := compact(b.Value)
	return state.SetRequest{
		Key: b.Key, Value: value, ETag: b.ETag, Metadata: merged(b.Metadata, extra), Options: b.Options, ContentType: b.ContentType,
	}, err
}

// compact takes the space out of a value; none is null.
func compact(v json.RawMessage) (json.RawMessage, error) {
	if len(v) == 0 {
		return json.RawMessage("null"), nil
	}
	if !bytes.ContainsAny(v, " \t\r\n") {
		return v, nil
	}
	var b bytes.Buffer
	b.Grow(len(v))
	if err := json.Compact(&b, v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

func merged(metadata, extra map[string]string) map[string]string {
	if metadata == nil {
		return extra
	}
	maps.Copy(metadata, extra)
	return metadata
}

func (c *caller) httpGetState(w http.ResponseWriter, r *http.Request, store, key string) error {
	resp, err := c.getState(r.Context(), store, key, &state.GetRequest{
		Metadata: metadataOf(r),
		Options:  state.GetStateOption{Consistency: r.URL.Query().Get("consistency")},
	})
	if err != nil {
		return err
	}
	if resp.Data == nil {
		return answerEmpty(w)
	}
	if resp.ETag != nil {
		w.Header().Set(headerETag, *resp.ETag)
	}
	for k, v := range resp.Metadata {
		w.Header().Set(metadataPrefix+k, v)
	}
	answerData(w, http.StatusOK, resp.Data)
	return nil
}

func (c *caller) httpSaveState(w http.ResponseWriter, r *http.Request, store string) error {
	if _, err := c.store(store); err != nil {
		return err
	}
	var body []setBody
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return universal(codes.InvalidArgument, http.StatusBadRequest, errorcodes.CommonMalformedRequest, err.Error())
	}
	extra := metadataOf(r)
	reqs := make([]state.SetRequest, len(body))
	for i := range body {
		if body[i].Key == "" {
			return universal(codes.InvalidArgument, http.StatusBadRequest, errorcodes.CommonMalformedRequest, `"key" is a required field`)
		}
		var err error
		if reqs[i], err = body[i].request(extra); err != nil {
			return malformed(err)
		}
	}
	if err := c.saveState(r.Context(), store, reqs); err != nil {
		return err
	}
	return answerEmpty(w)
}

func (c *caller) httpDeleteState(w http.ResponseWriter, r *http.Request, store, key string) error {
	q := r.URL.Query()
	req := state.DeleteRequest{
		Key: key, Metadata: metadataOf(r),
		Options: state.DeleteStateOption{Concurrency: q.Get("concurrency"), Consistency: q.Get("consistency")},
	}
	if v, ok := r.Header[headerIfMatch]; ok {
		req.ETag = &v[0]
	}
	if err := c.deleteState(r.Context(), store, &req); err != nil {
		return err
	}
	return answerEmpty(w)
}

// bulkItem is one of the values that a bulk get answers with.
type bulkItem struct {
	Key      string            `json:"key"`
	Data     json.RawMessage   `json:"data,omitempty"`
	ETag     *string           `json:"etag,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Error    string            `json:"error,omitempty"`
}

func (c *caller) httpBulkGetState(w http.ResponseWriter, r *http.Request, store string) error {
	if _, err := c.store(store); err != nil {
		return err
	}
	var body struct {
		Metadata    map[string]string `json:"metadata"`
		Keys        []string          `json:"keys"`
		Parallelism int               `json:"parallelism"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return malformed(err)
	}
	found, err := c.bulkGetState(r.Context(), store, body.Keys, merged(body.Metadata, metadataOf(r)), body.Parallelism)
	if err != nil {
		return err
	}
	items := make([]bulkItem, len(found))
	for i := range found {
		items[i] = bulkItem{Key: found[i].Key, Error: found[i].Error}
		switch {
		case found[i].Error != "":
		case len(found[i].Data) > 0 && !json.Valid(found[i].Data):
			// One such value must not take the others with it.
			items[i].Error = fmt.Sprintf("the value of %s is not JSON: read it by itself, or over gRPC", found[i].Key)
		default:
			items[i].Data, items[i].ETag, items[i].Metadata = found[i].Data, found[i].ETag, found[i].Metadata
		}
	}
	return answerJSON(w, items)
}

func (c *caller) httpTransact(w http.ResponseWriter, r *http.Request, store string) error {
	if _, _, err := c.transactional(store); err != nil {
		return err
	}
	var body struct {
		Operations []struct {
			Operation string          `json:"operation"`
			Request   json.RawMessage `json:"request"`
		} `json:"operations"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return malformed(err)
	}
	extra := metadataOf(r)
	ops := make([]operation, len(body.Operations))
	for i, o := range body.Operations {
		var item setBody
		if len(o.Request) > 0 {
			if err := json.Unmarshal(o.Request, &item); err != nil {
				return malformed(err)
			}
		}
		req, err := item.request(extra)
		if err != nil {
			return malformed(err)
		}
		ops[i] = operation{kind: o.Operation, set: req, delete: state.DeleteRequest{
			Key: req.Key, ETag: req.ETag, Metadata: req.Metadata,
			Options: state.DeleteStateOption{Concurrency: req.Options.Concurrency, Consistency: req.Options.Consistency},
		}}
	}
	if err := c.transact(r.Context(), store, ops, merged(body.Metadata, extra)); err != nil {
		return err
	}
	return answerEmpty(w)
}

// queryItem is one of the values that a query answers with.
type queryItem struct {
	Key   string          `json:"key"`
	Data  json.RawMessage `json:"data"`
	ETag  *string         `json:"etag,omitempty"`
	Error string          `json:"error,omitempty"`
}

func (c *caller) httpQueryState(w http.ResponseWriter, r *http.Request, store string) error {
	query, err := io.ReadAll(r.Body)
	if err != nil {
		return unreadable(err)
	}
	found, err := c.queryState(r.Context(), store, string(query), metadataOf(r))
	if err != nil {
		return err
	}
	// A page whose values are all of others has a next one all the same.
	if len(found.Results) == 0 && found.Token == "" {
		return answerEmpty(w)
	}
	answer := struct {
		Results  []queryItem       `json:"results"`
		Token    string            `json:"token,omitempty"`
		Metadata map[string]string `json:"metadata,omitempty"`
	}{make([]queryItem, len(found.Results)), found.Token, found.Metadata}
	for i, f := range found.Results {
		answer.Results[i] = queryItem{Key: f.Key, Data: f.Data, Error: f.Error}
		if deref(f.ETag) != "" {
			answer.Results[i].ETag = f.ETag
		}
	}
	return answerJSON(w, answer)
}
