package delivery_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"github.com/weftmesh/weft/mesh"
	"github.com/weftmesh/weft/mesh/delivery"
)

func TestRoute(t *testing.T) {
	const fan = `
  functions: [{name: from}, {name: toOne}, {name: two}, {name: errors}]
  connections:
    - {from: from, to: toOne}
    - {from: from, to: toOne, condition: result.n > 1}
    - {from: from, to: two, condition: "true"}
    - {from: from, to: two, condition: "event.subject == 'x' && event.type == 'mine' && event.mine == 'kept'"}
    - {from: from, to: errors, condition: status == 'error'}
    - {from: from, to: errors, condition: "error.contains('disk')"}
    - {from: from, to: errors, condition: "status == 'error' || result.n > 5"}
`
	out := func(to, data string) delivery.Output {
		e, err := delivery.DataEvent("application/json", []byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return delivery.Output{To: to, Event: e}
	}
	mine := out("", `"s"`)
	mine.Event.Context = &event.EventContextV1{Type: "mine", Extensions: map[string]any{"mine": "kept", "weftfrom": "forged", "wefthops": "0", "weftto": "two"}}
	_ = mine.Event.Context.SetSubject("x")
	cases := map[string]struct {
		reason  string
		status  string
		error   string
		outputs []delivery.Output
		want    []string // links, by index, with the output's number
		failed  []string // links whose condition could not be evaluated
		err     string
	}{
		"All": {"several links between two functions each take an output that fits", mesh.StatusSuccess, "", []delivery.Output{out("", `{"n":2}`)},
			[]string{"0/0", "1/0", "2/0"}, nil, ""},
		"Missing": {"a condition that needs a field which is not there is false and told", mesh.StatusSuccess, "", []delivery.Output{out("", `{}`)},
			[]string{"0/0", "2/0"}, []string{"1", "6"}, ""},
		"NoObject": {"so is one on a result of another kind", mesh.StatusSuccess, "", []delivery.Output{out("", `null`), out("", `"text"`), out("", `[1]`)},
			[]string{"0/0", "2/0", "0/1", "2/1", "0/2", "2/2"}, []string{"1", "6", "1", "6", "1", "6"}, ""},
		"Attributes": {"event has the attributes, the function's own and not what it forges", mesh.StatusSuccess, "", []delivery.Output{mine},
			[]string{"0/0", "2/0", "3/0"}, []string{"1", "6"}, ""},
		"Addressed": {"an emit takes links to its target alone, by either name, under their conditions", mesh.StatusSuccess, "",
			[]delivery.Output{out("toOne", `{"n":1}`), out("to-one", `{"n":2}`)}, []string{"0/0", "0/1", "1/1"}, nil, ""},
		"NotLinked": {"nothing is routed if one emit is to a function without link", mesh.StatusSuccess, "",
			[]delivery.Output{out("two", `1`), out("toTwo", `1`)}, nil, nil, `from emitted to "toTwo", to which it has no link; it is linked to ["toOne" "two" "errors"]`},
		"Itself": {"also to itself", mesh.StatusSuccess, "", []delivery.Output{out("from", `1`)}, nil, nil, `from emitted to "from", to which it has no link; it is linked to ["toOne" "two" "errors"]`},
		"Error": {"an error goes only to links that name status or error: not to true", mesh.StatusError, "no room", []delivery.Output{out("", `{"n":9}`)},
			[]string{"4/0", "6/0"}, nil, ""},
		"ErrorText": {"error is the text", mesh.StatusError, "the disk is full", []delivery.Output{out("", `{"n":9}`)},
			[]string{"4/0", "5/0", "6/0"}, nil, ""},
		"None": {"no output, no events", mesh.StatusSuccess, "", nil, nil, nil, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			plan := compile(t, fan)
			var failed []string
			r, err := delivery.NewRouter(plan, func(l *mesh.Link, _ error) { failed = append(failed, fmt.Sprint(l.Index)) })
			if err != nil {
				t.Fatal(err)
			}
			o := delivery.Outcome{
				Function: plan.Function("from"), InputSource: "/in", InputID: "1", Status: tc.status, Error: tc.error, Outputs: tc.outputs,
			}
			ds, err := r.Route(&o)
			text := ""
			if err != nil {
				text = err.Error()
				if n := new(delivery.NotLinkedError); !errors.As(err, &n) {
					t.Errorf("%s: %T", tc.reason, err)
				}
			}
			if text != tc.err {
				t.Errorf("%s: error %q, want %q", tc.reason, text, tc.err)
			}
			var got []string
			ids := make(map[string]bool)
			for _, d := range ds {
				for n := range tc.outputs {
					if &tc.outputs[n].Event.DataEncoded[0] == &d.Event.DataEncoded[0] {
						got = append(got, fmt.Sprintf("%d/%d", d.Link.Index, n))
					}
				}
				if ids[d.Event.ID()] {
					t.Errorf("%s: two events are called %s", tc.reason, d.Event.ID())
				}
				ids[d.Event.ID()] = true
				ext := d.Event.Extensions()
				if ext["weftfrom"] != "from" || ext["wefthops"] != "1" || ext["weftto"] != nil || d.Event.Source() != plan.Function("from").Source {
					t.Errorf("%s: %v", tc.reason, d.Event)
				}
				if (ext["wefterror"] != nil) != (tc.status == mesh.StatusError) {
					t.Errorf("%s: wefterror = %v", tc.reason, ext["wefterror"])
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: links/outputs -want +got\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.failed, failed); diff != "" {
				t.Errorf("%s: conditions that failed -want +got\n%s", tc.reason, diff)
			}
		})
	}
}
