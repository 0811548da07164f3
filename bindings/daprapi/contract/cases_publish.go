package contract

import (
	"fmt"

	runtimev1 "github.com/dapr/dapr/pkg/proto/runtime/v1"
)

const published = "/events/publish"

// publishCases are about what becomes of what is published.
var publishCases = map[string]testCase{
	"http": {
		reason: "data becomes a CloudEvent by its content type",
		run: func(s *session) {
			url := "/v1.0/publish/bus/publish"
			for _, p := range []struct{ body, contentType string }{
				{`{"a":1}`, "application/json"},
				{`{"a":1}`, "application/json; charset=utf-8"},
				{`{"a":`, "application/json"},
				{`plain text`, "text/plain"},
				{`<a/>`, "application/xml"},
				{"\x00\xff", "application/octet-stream"},
				{`no type`, ""},
				{``, ""},
				{``, "application/json"},
				{`[1,2]`, "application/vnd.x+json"},
			} {
				header := "Content-Type: " + p.contentType
				if p.contentType == "" {
					header = "Content-Type: "
				}
				s.http("POST", url, p.body, header)
				s.delivered(published, 1)
			}
			s.http("PUT", url, `{"a":1}`, "Content-Type: application/json")
			s.delivered(published, 1)
			s.quiet(published)
		},
	},
	"cloudevent": {
		reason: "a CloudEvent stays the one that it is",
		run: func(s *session) {
			url := "/v1.0/publish/bus/publish"
			const contentType = "Content-Type: application/cloudevents+json"
			for _, event := range []string{
				`{"specversion":"1.0","id":"one","source":"/me","type":"made","data":{"a":1},"datacontenttype":"application/json","subject":"s","mine":"x"}`,
				`{"specversion":"1.0","id":"two","source":"/me","type":"made","data":"text","datacontenttype":"text/plain","topic":"elsewhere","pubsubname":"other"}`,
				`{"specversion":"1.0","id":"three","source":"/me","type":"made","data_base64":"AAE="}`,
				`{"id":"four","source":"/me"}`,
				`{"specversion":"1.0","id":"five","source":"/me","type":"made","time":"2020-01-02T03:04:05Z","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}`,
			} {
				s.http("POST", url, event, contentType)
				s.delivered(published, 1)
			}
			s.http("POST", url, `{"specversion":`, contentType)
			s.http("POST", url+"?metadata.cloudevent.id=six&metadata.cloudevent.type=given&metadata.cloudevent.source=/there", `{"a":1}`, "Content-Type: application/json")
			s.delivered(published, 1)
			s.quiet(published)
		},
	},
	"grpc": {
		reason: "the same over gRPC",
		run: func(s *session) {
			for _, p := range []*runtimev1.PublishEventRequest{
				{Data: []byte(`{"a":1}`), DataContentType: "application/json"},
				{Data: []byte(`text`), DataContentType: "text/plain"},
				{Data: []byte{0, 0xff}, DataContentType: "application/octet-stream"},
				{Data: []byte(`{"a":1}`)},
				{},
				{Data: []byte(`{"specversion":"1.0","id":"one","source":"/me","type":"made","data":1}`), DataContentType: "application/cloudevents+json"},
				{Data: []byte(`{"a":1}`), DataContentType: "application/json", Metadata: map[string]string{"cloudevent.id": "seven", "ttlInSeconds": "60"}},
			} {
				p.PubsubName, p.Topic = "bus", "publish"
				s.grpc("PublishEvent", p)
				s.delivered(published, 1)
			}
			s.quiet(published)
		},
	},
	"raw": {
		reason: "raw payload travels without an envelope; who subscribes to events gets it in one",
		run: func(s *session) {
			for _, p := range []struct{ topic, body string }{{"raw", `{"a":1}`}, {"raw", "text"}, {"publish", `{"a":1}`}} {
				s.http("POST", "/v1.0/publish/bus/"+p.topic+"?metadata.rawPayload=true", p.body, "Content-Type: application/json")
				s.delivered("/events/"+p.topic, 1)
			}
			s.http("POST", "/v1.0/publish/bus/raw", `{"a":1}`, "Content-Type: application/json")
			s.delivered("/events/raw", 1)
			s.http("POST", "/v1.0/publish/bus/raw?metadata.rawPayload=perhaps", `{"a":1}`, "Content-Type: application/json")
			s.grpc("PublishEvent", &runtimev1.PublishEventRequest{PubsubName: "bus", Topic: "raw", Data: []byte{0, 0xff}, Metadata: map[string]string{"rawPayload": "true"}})
			s.delivered("/events/raw", 1)
		},
	},
	"metadata": {
		reason: "metadata for the broker that is not what it should be",
		run: func(s *session) {
			url := "/v1.0/publish/bus/publish?metadata."
			for _, md := range []string{"ttlInSeconds=60", "ttlInSeconds=soon", "ttlInSeconds=0", "priority=high"} {
				s.http("POST", url+md, `{"a":1}`, "Content-Type: application/json")
			}
			s.upTo("publish", published)
		},
	},
	"refused": {
		reason: "topics and brokers that are not there, or not for this application",
		run: func(s *session) {
			for _, path := range []string{"nowhere/a", "bus/", "bus", "/a", "strict/guarded", "strict/theirs", "strict/other", "strict/mine", "strict/open"} {
				s.http("POST", "/v1.0/publish/"+path, `1`, "Content-Type: application/json")
			}
			s.delivered("/events/open", 1)
			for _, p := range [][2]string{{"nowhere", "a"}, {"bus", ""}, {"", "a"}, {"strict", "guarded"}, {"strict", "theirs"}, {"strict", "other"}} {
				s.grpc("PublishEvent", &runtimev1.PublishEventRequest{PubsubName: p[0], Topic: p[1], Data: []byte("1")})
			}
			s.http("GET", "/v1.0/publish/bus/publish", "")
			s.http("POST", "/v1.0/publish/bus/nobody/listens", "1")
		},
	},
	"links": {
		reason: "topics that carry the links of a mesh",
		run: func(s *session) {
			s.http("POST", "/v1.0/publish/bus/weft.default.contract.app", `1`)
			s.grpc("PublishEvent", &runtimev1.PublishEventRequest{PubsubName: "bus", Topic: "weft.default.contract.app", Data: []byte("1")})
		},
	},
	"bulk": {
		reason: "several events in one call",
		run: func(s *session) {
			for _, version := range []string{"v1.0", "v1.0-alpha1"} {
				s.http("POST", "/"+version+"/publish/bulk/bus/publish-bulk", `[
{"entryId":"1","event":{"n":1},"contentType":"application/json"},
{"entryId":"2","event":"two","contentType":"text/plain","metadata":{"cloudevent.id":"second"}},
{"entryId":"3","event":{"specversion":"1.0","id":"third","source":"/me","type":"made","data":3},"contentType":"application/cloudevents+json"}]`)
				s.delivered("/events/publish-bulk", 3)
			}
			url := "/v1.0/publish/bulk/bus/publish-bulk"
			for _, body := range []string{
				``, `[]`, `[`, `{}`,
				`[{"entryId":"1","event":1,"contentType":"application/json"},{"entryId":"1","event":2,"contentType":"application/json"}]`,
				`[{"event":1,"contentType":"application/json"}]`,
				`[{"entryId":"1","event":"AAE=","contentType":"application/octet-stream"}]`,
				`[{"entryId":"1","event":{"a":1},"contentType":"text/plain"}]`,
				`[{"entryId":"1","event":{"a":1}}]`,
				`[{"entryId":"1"}]`,
			} {
				s.http("POST", url, body)
			}
			s.http("POST", "/v1.0/publish/bulk/nowhere/a", `[{"entryId":"1","event":1,"contentType":"application/json"}]`)
			s.http("POST", "/v1.0/publish/bulk/bus/", `[{"entryId":"1","event":1,"contentType":"application/json"}]`)
			s.http("POST", "/v1.0/publish/bulk/strict/theirs", `[{"entryId":"1","event":1,"contentType":"application/json"}]`)
			s.came("/events/publish-bulk", s.upTo("publish-bulk", "/events/publish-bulk"))
			s.http("POST", url+"?metadata.rawPayload=true", `[{"entryId":"1","event":{"n":1},"contentType":"application/json"}]`)
			s.delivered("/events/publish-bulk", 1)
		},
	},
	"bulk-grpc": {
		reason: "the same over gRPC",
		run: func(s *session) {
			for _, method := range []string{"BulkPublishEvent", "BulkPublishEventAlpha1"} {
				var entries []*runtimev1.BulkPublishRequestEntry
				for i := range 3 {
					entries = append(entries, &runtimev1.BulkPublishRequestEntry{
						EntryId: fmt.Sprint(i), Event: fmt.Appendf(nil, `{"n":%d}`, i), ContentType: "application/json",
					})
				}
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "bus", Topic: "publish-bulk", Entries: entries})
				s.delivered("/events/publish-bulk", 3)
				entries[1].EntryId = "0"
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "bus", Topic: "publish-bulk", Entries: entries})
				entries[1].EntryId = ""
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "bus", Topic: "publish-bulk", Entries: entries})
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "bus", Topic: "publish-bulk"})
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "nowhere", Topic: "publish-bulk"})
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "bus"})
				s.grpc(method, &runtimev1.BulkPublishRequest{PubsubName: "strict", Topic: "theirs"})
			}
		},
	},
}
