package contract

import (
	"net/http"
	"strings"
)

// programmatic is what the application answers when asked what it subscribes to.
const programmatic = `[
{"pubsubname":"bus","topic":"asked","route":"/events/asked"},
{"pubsubname":"bus","topic":"asked-routed","routes":{"rules":[{"match":"event.type == \"a\"","path":"/events/asked-routed/a"}],"default":"/events/asked-routed/other"}},
{"pubsubname":"bus","topic":"asked-raw","route":"/events/asked-raw","metadata":{"rawPayload":"true"}},
{"pubsubname":"bus","topic":"asked-bulk","route":"/events/asked-bulk","bulkSubscribe":{"enabled":true,"maxMessagesCount":2,"maxAwaitDurationMs":200}},
{"pubsubname":"bus","topic":"asked-buried","route":"/events/asked-buried","deadLetterTopic":"graveyard"},
{"pubsubname":"bus","topic":"no-route"},
{"pubsubname":"nowhere","topic":"asked","route":"/events/nowhere"}
]`

// answers that an application may give to an event.
var eventAnswers = []answer{
	{status: 200},
	{status: 200, body: `{"status":"SUCCESS"}`},
	{status: 200, body: `{"status":"DROP"}`},
	{status: 200, body: `{"status":"RETRY"}`},
	{status: 200, body: `{"status":"SING"}`},
	{status: 200, body: `not JSON`},
	{status: 201, body: `{"status":"DROP"}`},
	{status: 204},
	{status: 301},
	{status: 400},
	{status: 404},
	{status: 500},
	{status: 503, body: `{"status":"DROP"}`},
}

func (s *session) publish(topic, body string) {
	s.t.Helper()
	s.http("POST", "/v1.0/publish/bus/"+topic, body, "Content-Type: application/json")
}

// event publishes a CloudEvent of a type.
func (s *session) event(topic, kind, data string) {
	s.t.Helper()
	s.http("POST", "/v1.0/publish/bus/"+topic, `{"specversion":"1.0","id":"given","source":"/me","type":"`+kind+`","data":`+data+`}`, "Content-Type: application/cloudevents+json")
}

// subscribeCases are about how events reach the application.
var subscribeCases = map[string]testCase{
	"rules": {
		reason: "the first rule that matches decides the path; what none matches goes the default way, or nowhere",
		run: func(s *session) {
			for _, e := range []struct{ kind, data, path string }{
				{"order.paid", `{"total":200}`, "paid"},
				{"order", `{"total":200}`, "large"},
				{"order", `{"total":2,"vip":true}`, "vip"},
				{"order", `{"total":2}`, "other"},
			} {
				s.event("routed", e.kind, e.data)
				s.delivered("/events/routed/"+e.path, 1)
			}
			s.event("routed", "order", `{"total":"many"}`)
			s.event("routed", "order", `"no object"`)
			s.event("strictly-routed", "unwanted", `1`)
			s.event("strictly-routed", "wanted", `2`)
			s.delivered("/events/strictly-routed", 1)
			s.quiet("/events/strictly-routed")
			s.quiet("/events/routed")
		},
	},
	"answers": {
		reason: "a broker that does not redeliver: each answer ends the event",
		run: func(s *session) {
			for _, a := range eventAnswers {
				s.app.answer("/events/answers", a)
				s.publish("answers", `{"n":1}`)
				s.delivered("/events/answers", 1)
			}
			s.quiet("/events/answers")
		},
	},
	"dead-letters": {
		reason: "which answers send an event to the dead-letter topic",
		run: func(s *session) {
			for _, a := range eventAnswers {
				s.app.answer("/events/buried", a)
				s.event("buried", "a", `{"n":1}`)
				s.delivered("/events/buried", 1)
				s.buried("/events/graveyard", a)
			}
			s.app.answer("/events/asked-buried", answer{status: 500})
			s.publish("asked-buried", `{"n":1}`)
			s.delivered("/events/asked-buried", 1)
			s.delivered("/events/graveyard", 1)
		},
	},
	"declared": {
		reason: "the older form of a declaration, and one that is for another application",
		run: func(s *session) {
			s.publish("old-form", `1`)
			s.delivered("/events/old-form", 1)
			s.publish("foreign", `1`)
			s.quiet("/events/foreign")
		},
	},
	"programmatic": {
		reason: "what the application asks for",
		run: func(s *session) {
			s.publish("asked", `{"n":1}`)
			s.delivered("/events/asked", 1)
			s.event("asked-routed", "a", `1`)
			s.delivered("/events/asked-routed/a", 1)
			s.event("asked-routed", "b", `1`)
			s.delivered("/events/asked-routed/other", 1)
			s.http("POST", "/v1.0/publish/bus/asked-raw?metadata.rawPayload=true", `{"n":1}`, "Content-Type: application/json")
			s.delivered("/events/asked-raw", 1)
			s.quiet("/events/asked")
		},
	},
	"bulk": {
		reason: "several events in one request, and an answer for each",
		run: func(s *session) {
			s.app.answer("/events/bulk", answer{status: 200, body: `{"statuses":[]}`, headers: http.Header{"Content-Type": {"application/json"}}})
			s.event("bulk", "a", `{"n":1}`)
			s.event("bulk", "a", `{"n":1}`)
			s.event("bulk", "a", `{"n":1}`)
			s.delivered("/events/bulk", 3)
			s.event("bulk", "alone", `{"n":2}`)
			s.delivered("/events/bulk", 1)
			s.publish("asked-bulk", `{"n":1}`)
			s.publish("asked-bulk", `{"n":1}`)
			s.delivered("/events/asked-bulk", 2)
			s.quiet("/events/bulk")
		},
	},
	"bulk-rules": {
		reason: "in bulk, an event that no rule matches has no path",
		run: func(s *session) {
			s.app.have("/") // what other cases sent there
			s.event("bulk-routed", "unwanted", `1`)
			s.event("bulk-routed", "wanted", `2`)
			s.delivered("/events/bulk-routed", 1)
			s.came("/", s.app.have("/"))
		},
	},
}

// buried writes down what reached the dead letters. The bus hands a topic's
// events on one by one, so that what comes after tells that it is all.
func (s *session) buried(path string, a answer) {
	s.t.Helper()
	s.upTo("buried", "/events/buried")
	var texts []string
	for _, r := range s.upTo("graveyard", path) {
		texts = append(texts, r.text())
	}
	s.add("dead letters after "+http.StatusText(a.status)+" "+a.body, strings.Join(texts, "\n"))
}

// upTo publishes an event that nothing is written down of, waits until it
// comes, and gives what came before it.
func (s *session) upTo(topic, path string) []received {
	s.t.Helper()
	s.quietly("POST", "/v1.0/publish/bus/"+topic, `{"specversion":"1.0","id":"`+sentinel+`","source":"/contract","type":"end","data":0}`, "Content-Type: application/cloudevents+json")
	var before []received
	for {
		got := s.app.take(path, 1, patience)
		if len(got) == 0 {
			s.t.Errorf("nothing comes to %s any more", path)
			return before
		}
		if strings.Contains(got[0].body, sentinel) {
			return before
		}
		before = append(before, got[0])
	}
}

// sentinel is the id of the event that ends a waiting.
const sentinel = "the-end"
