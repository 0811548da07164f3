package dapr

import (
	"errors"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/weftmesh/weft/runtime/internal/component"
)

// The messages of the Dapr API that this client sends and reads, in protobuf:
// dapr/proto/runtime/v1 and dapr/proto/common/v1 of dapr/dapr, where each field
// has its number. Generated types would bring 5 MB of reflection along.

// How a store is asked to write (common.v1.StateOptions).
const (
	firstWrite = 1
	lastWrite  = 2
	strong     = 2
)

// message is one that is being put together.
type message []byte

// text adds a string, if there is one: in protobuf an empty field is none.
func (m message) text(field protowire.Number, s string) message {
	if s == "" {
		return m
	}
	return protowire.AppendString(protowire.AppendTag(m, field, protowire.BytesType), s)
}

func (m message) bytes(field protowire.Number, b []byte) message {
	if len(b) == 0 {
		return m
	}
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

func (m message) number(field protowire.Number, n uint64) message {
	if n == 0 {
		return m
	}
	return protowire.AppendVarint(protowire.AppendTag(m, field, protowire.VarintType), n)
}

// inner adds a message, an empty one too.
func (m message) inner(field protowire.Number, b message) message {
	return protowire.AppendBytes(protowire.AppendTag(m, field, protowire.BytesType), b)
}

// pairs adds a map.
func (m message) pairs(field protowire.Number, pairs map[string]string) message {
	for k, v := range pairs {
		m = m.inner(field, message(nil).text(1, k).text(2, v))
	}
	return m
}

// options adds common.v1.StateOptions.
func (m message) options(field protowire.Number, concurrency uint64) message {
	return m.inner(field, message(nil).number(1, concurrency).number(2, strong))
}

// etag adds common.v1.Etag.
func (m message) etag(field protowire.Number, etag string) message {
	if etag == "" {
		return m
	}
	return m.inner(field, message(nil).text(1, etag))
}

// how a write is asked for. An etag goes without a concurrency mode: with
// last-write, state.redis does not compare it.
func how(w component.Write, redis bool) (etag string, concurrency uint64) {
	etag = w.ETag
	if w.Create && redis {
		etag = absent
	}
	switch {
	case etag != "":
		return etag, 0
	case w.Create:
		return "", firstWrite
	}
	return "", lastWrite
}

// item is common.v1.StateItem.
func item(w component.Write, redis bool) message {
	etag, concurrency := how(w, redis)
	m := make(message, 0, len(w.Key)+len(w.Value)+48)
	m = m.text(1, w.Key).bytes(2, w.Value).etag(3, etag)
	if w.TTL > 0 {
		m = m.pairs(4, map[string]string{"ttlInSeconds": strconv.FormatInt(seconds(w.TTL), 10)})
	}
	return m.options(5, concurrency)
}

// seconds of a duration, rounded up: nothing expires too early.
func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// errAnswer is an answer that is no message of the API.
var errAnswer = errors.New("the answer is not the Dapr API's")

// fields reads a message: each is told of those fields that are bytes, text or
// messages. Others are passed over.
func fields(b []byte, each func(field protowire.Number, value []byte) error) error {
	for len(b) > 0 {
		num, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return errAnswer
		}
		b = b[n:]
		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(num, kind, b); n < 0 {
				return errAnswer
			}
			b = b[n:]
			continue
		}
		value, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return errAnswer
		}
		b = b[n:]
		if err := each(num, value); err != nil {
			return err
		}
	}
	return nil
}

// pair reads an entry of a map into m.
func pair(b []byte, m *map[string]string) error {
	var k, v string
	err := fields(b, func(field protowire.Number, value []byte) error {
		switch field {
		case 1:
			k = string(value)
		case 2:
			v = string(value)
		}
		return nil
	})
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[k] = v
	return err
}

// bulkItem is runtime.v1.BulkStateItem.
type bulkItem struct {
	key, etag, fault string
	data             []byte
}

func readBulkItem(b []byte) (i bulkItem, err error) {
	err = fields(b, func(field protowire.Number, value []byte) error {
		switch field {
		case 1:
			i.key = string(value)
		case 2:
			i.data = value
		case 3:
			i.etag = string(value)
		case 4:
			i.fault = string(value)
		}
		return nil
	})
	return i, err
}

// typeErrorInfo is what Dapr's error codes come in.
const typeErrorInfo = "type.googleapis.com/google.rpc.ErrorInfo"

// reason finds Dapr's error code in the details of a status: google.rpc.Status
// (details are 3), google.protobuf.Any (the type is 1, the value 2) and
// google.rpc.ErrorInfo (the reason is 1).
func reason(details []byte) (reason string) {
	_ = fields(details, func(field protowire.Number, value []byte) error { // what cannot be read tells nothing
		if field != 3 {
			return nil
		}
		var kind string
		var info []byte
		err := fields(value, func(field protowire.Number, value []byte) error {
			switch field {
			case 1:
				kind = string(value)
			case 2:
				info = value
			}
			return nil
		})
		if err != nil || kind != typeErrorInfo {
			return err
		}
		return fields(info, func(field protowire.Number, value []byte) error {
			if field == 1 {
				reason = string(value)
			}
			return nil
		})
	})
	return reason
}
