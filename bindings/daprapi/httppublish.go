package daprapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/dapr/components-contrib/contenttype"
	"github.com/dapr/components-contrib/pubsub"
	"github.com/dapr/dapr/pkg/messages/errorcodes"
)

func (c *caller) httpPublish(w http.ResponseWriter, r *http.Request, pubsubName, topicName string) error {
	meta := metadataOf(r)
	t := topic{pubsubName, topicName}
	p, raw, err := c.target(t, meta, meta)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return publishFault(t, err)
	}
	m := message{data: data, contentType: r.Header.Get(headerContentType), metadata: meta, trace: traceOfRequest(r)}
	if err := c.publish(r.Context(), p, t, raw, m); err != nil {
		return err
	}
	return answerEmpty(w)
}

// failedEntry is a message that was not published.
type failedEntry struct {
	EntryID string `json:"entryId"`
	Error   string `json:"error,omitempty"`
}

func (c *caller) httpBulkPublish(w http.ResponseWriter, r *http.Request, pubsubName, topicName string) error {
	meta := metadataOf(r)
	t := topic{pubsubName, topicName}
	p, raw, err := c.target(t, meta, meta)
	if err != nil {
		return err
	}
	var body []struct {
		EntryID     string            `json:"entryId"`
		Event       any               `json:"event"`
		ContentType string            `json:"contentType"`
		Metadata    map[string]string `json:"metadata"`
	}
	dec := json.NewDecoder(r.Body)
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil {
		return c.badBulkBody(t, err)
	}
	entries := make([]bulkEntry, len(body))
	for i, e := range body {
		event, err := eventBytes(e.Event, e.ContentType)
		if err != nil {
			return c.badEnvelope(t, err)
		}
		entries[i] = bulkEntry{id: e.EntryID, contentType: e.ContentType, event: event, metadata: e.Metadata}
	}
	failed, err := c.bulkPublish(r.Context(), p, t, raw, entries, meta, traceOfRequest(r))
	if err != nil {
		return answerBulkFailure(w, failed, err)
	}
	return answerEmpty(w)
}

// answerBulkFailure tells which messages failed, where the broker was asked.
func answerBulkFailure(w http.ResponseWriter, failed []pubsub.BulkPublishResponseFailedEntry, err error) error {
	var f *fault
	if failed == nil || !errors.As(err, &f) {
		return err
	}
	answer := struct {
		FailedEntries []failedEntry `json:"failedEntries"`
		ErrorCode     string        `json:"errorCode,omitempty"`
	}{make([]failedEntry, len(failed)), errorcodes.PubsubPublishMessage.Code}
	for i, e := range failed {
		answer.FailedEntries[i].EntryID = e.EntryId
		if e.Error != nil {
			answer.FailedEntries[i].Error = e.Error.Error()
		}
	}
	data, merr := json.Marshal(answer)
	if merr != nil {
		return merr
	}
	w.Header().Set(metadataPrefix+"responseData", string(data))
	w.Header().Set(metadataPrefix+"error", fmt.Sprintf("api error: code = %s desc = %s", f.GRPCStatus().Code(), f.Error()))
	answerData(w, f.status, data)
	return nil
}

// errContentType has daprd's text.
var errContentType = errors.New("error: mismatch between contentType and event")

// eventBytes gives the bytes of an event in JSON by its content type: base64 of
// bytes, a text, or JSON (daprd's ConvertEventToBytes).
func eventBytes(event any, contentType string) ([]byte, error) {
	switch text, isText := event.(string); {
	case contenttype.IsBinaryContentType(contentType):
		if !isText {
			return nil, errContentType
		}
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, fmt.Errorf("error: unable to decode base64 application/octect-stream data: %w", err)
		}
		return b, nil
	case contenttype.IsStringContentType(contentType):
		if !isText {
			return nil, errContentType
		}
		return []byte(text), nil
	case contenttype.IsJSONContentType(contentType), contenttype.IsCloudEventContentType(contentType):
		b, err := json.Marshal(event)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errContentType, err)
		}
		return b, nil
	}
	return nil, errContentType
}
