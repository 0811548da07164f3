package mesh

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/weftmesh/weft/api/v1beta1"
)

func TestConditionEval(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		vars   Vars
		data   string
		want   bool
		err    string
	}{
		"Default":             {reason: "no condition takes successes", vars: Vars{Status: StatusSuccess}, want: true},
		"DefaultError":        {reason: "no condition takes no errors", vars: Vars{Status: StatusError}},
		"Blank":               {reason: "a blank condition is none", text: "  ", vars: Vars{Status: StatusSuccess}, want: true},
		"True":                {reason: "the article's always", text: "true", want: true},
		"Field":               {reason: "the article's field", text: "result.valid == true", data: `{"valid":true}`, want: true},
		"FieldFalse":          {reason: "the article's field", text: "result.valid == true", data: `{"valid":false}`},
		"BareField":           {reason: "a boolean of the data needs no comparison", text: "result.valid", data: `{"valid":true}`, want: true},
		"BareFieldNoBool":     {reason: "text is not true", text: "result.valid", data: `{"valid":"true"}`, err: "gives string, not bool"},
		"Missing":             {reason: "a missing field is an error, which counts as false", text: "result.valid == true", data: `{}`, err: "no such key: valid"},
		"NoData":              {reason: "no data has no fields", text: "result.valid == true", err: "no such key: valid"},
		"Null":                {reason: "no data is null", text: "result == null", want: true},
		"Has":                 {reason: "has() asks for a field", text: "has(result.valid)", data: `{}`},
		"IntMore":             {reason: "JSON numbers are doubles, literals ints", text: "result.qty > 5", data: `{"qty":6}`, want: true},
		"IntEqual":            {reason: "JSON numbers are doubles, literals ints", text: "result.total == 10", data: `{"total":10}`, want: true},
		"IntUnequal":          {reason: "JSON numbers are doubles, literals ints", text: "result.total != 10", data: `{"total":10.5}`, want: true},
		"IntLiteralFirst":     {reason: "the literal may come first", text: "10 <= result.total", data: `{"total":10}`, want: true},
		"IntIn":               {reason: "numbers in a list compare alike", text: "result.n in [1, 2]", data: `{"n":2}`, want: true},
		"SizeAndData":         {reason: "an int function against data", text: "size(result.items) == result.n", data: `{"n":2,"items":[1,2]}`, want: true},
		"Arithmetic":          {reason: "a literal that meets data becomes a double", text: "result.price * 2 > 10", data: `{"price":6}`, want: true},
		"ArithmeticDeep":      {reason: "also beyond another operator", text: "1 + (result.a - 2) * 3 == 10", data: `{"a":5}`, want: true},
		"ArithmeticInMacro":   {reason: "also in what a macro binds", text: "result.items.all(i, i.qty + 1 <= 3)", data: `{"items":[{"qty":1},{"qty":2}]}`, want: true},
		"ArithmeticInts":      {reason: "ints among themselves stay ints", text: "size(result.items) + 1 == 3 && [1, 2].exists(i, i + 1 == 3)", data: `{"items":[1,2]}`, want: true},
		"ArithmeticText":      {reason: "text is not touched", text: "result.a + 'x' == 'ax'", data: `{"a":"a"}`, want: true},
		"EventAttribute":      {reason: "attributes can be read", text: "event.type == 'a.b' && event['weftattempt'] == 2", vars: Vars{Event: map[string]any{"type": "a.b", "weftattempt": int32(2)}}, want: true},
		"Error":               {reason: "the text of an error can be read", text: "status == 'error' && error.contains('stock')", vars: Vars{Status: StatusError, Error: "out of stock"}, want: true},
		"ErrorNamesNoResult":  {reason: "an error's data can be read", text: "status == 'error' && result.id == 'x'", vars: Vars{Status: StatusError}, data: `{"id":"x"}`, want: true},
		"ListIndex":           {reason: "elements can be read", text: "result[0] == 'a'", data: `["a"]`, want: true},
		"ScalarResult":        {reason: "the data may be a scalar", text: "result == 7", data: `7`, want: true},
		"OtherType":           {reason: "another type is unequal, not an error", text: "result.a == 1", data: `{"a":"1"}`},
		"AbsorbedError":       {reason: "CEL's or takes either side", text: "result.a == 1 || status == 'success'", data: `{}`, vars: Vars{Status: StatusSuccess}, want: true},
		"NestedStatusIsField": {reason: "a field named status is not the variable", text: "result.status == 'confirmed'", data: `{"status":"confirmed"}`, vars: Vars{Status: StatusSuccess}, want: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := CompileCondition(tc.text)
			if err != nil {
				t.Fatalf("%s: compile: %v", tc.reason, err)
			}
			if tc.data != "" {
				if err := json.Unmarshal([]byte(tc.data), &tc.vars.Result); err != nil {
					t.Fatal(err)
				}
			}
			got, err := c.Eval(tc.vars)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Errorf("%s: got error %v, want %q", tc.reason, err, tc.err)
				}
			} else if err != nil {
				t.Errorf("%s: %v", tc.reason, err)
			}
			if got != tc.want {
				t.Errorf("%s: got %v, want %v", tc.reason, got, tc.want)
			}
		})
	}
}

func TestConditionNames(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string
		errors bool
		result bool
	}{
		"Default":       {"the default names status", "", true, false},
		"True":          {"true names nothing", "true", false, false},
		"Field":         {"a field named status is not the variable", "result.status == 'error'", false, true},
		"FieldError":    {"nor is one named error", "result.error != ''", false, true},
		"Index":         {"nor is a key in quotes", "result['status'] == 'error'", false, true},
		"Error":         {"error is the variable", "error == ''", true, false},
		"Call":          {"in a call on it too", "error.contains('x')", true, false},
		"Macro":         {"what a macro binds is not the variable", "result.all(status, status > 0)", false, true},
		"MacroAndOuter": {"the range of a macro is outside it", "[status].all(status, status == 'error')", true, false},
		"Event":         {"event is neither", "event.type == 'status'", false, false},
		"Has":           {"has() looks at a field", "has(result.error)", false, true},
		"Map":           {"in a map too", "{'a': status}.a == 'error'", true, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := CompileCondition(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			if c.TakesErrors() != tc.errors || c.NeedsResult() != tc.result {
				t.Errorf("%s: got takes errors %v, needs result %v", tc.reason, c.TakesErrors(), c.NeedsResult())
			}
		})
	}
}

func TestConditionFaults(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"Unknown": {"an unknown variable names those there are", "foo == 1", "undeclared reference to 'foo' (variables are status, result, error, event)"},
		"Where":   {"a fault beyond the beginning says where", "status == 'x' && foo", "at 1:18: undeclared reference to 'foo' (variables are status, result, error, event)"},
		"Syntax":  {"the parser's list of tokens is left out", "result.x ==", "at 1:12: Syntax error: mismatched input '<EOF>'"},
		"Type":    {"a condition is a boolean", "status", "is of type string, not bool"},
		"Compare": {"status is text", "status == 1", "at 1:8: found no matching overload for '_==_' applied to '(string, int)'"},
		"Long":    {"a length no one reads is refused", strings.Repeat("true && ", 1000) + "true", "is longer than 4096 characters"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := CompileCondition(tc.text)
			if err == nil || err.Error() != tc.want {
				t.Errorf("%s:\n got %v\nwant %s", tc.reason, err, tc.want)
			}
		})
	}
}

// A hostile expression ends in an error rather than never.
func TestConditionCost(t *testing.T) {
	c, err := CompileCondition("result.all(a, result.all(b, result.all(c, result.all(d, a + b + c + d >= 0))))")
	if err != nil {
		t.Fatal(err)
	}
	data := make([]any, 500)
	for i := range data {
		data[i] = float64(i)
	}
	if _, err := c.Eval(Vars{Result: data}); err == nil || !strings.Contains(err.Error(), "cost limit") {
		t.Errorf("got %v, want the cost limit", err)
	}
}

func TestPause(t *testing.T) {
	r := Retry{MaxAttempts: 5, InitialInterval: time.Second, MaxInterval: 5 * time.Second}
	for backoff, want := range map[string][]time.Duration{
		"exponential": {1e9, 2e9, 4e9, 5e9},
		"linear":      {1e9, 2e9, 3e9, 4e9},
		"constant":    {1e9, 1e9, 1e9, 1e9},
	} {
		r.Backoff = "" // the zero value is exponential
		if backoff != "exponential" {
			r.Backoff = v1beta1.Backoff(backoff)
		}
		for i, d := range want {
			if got := r.Pause(i + 1); got != d {
				t.Errorf("%s: pause %d is %s, want %s", backoff, i+1, got, d)
			}
		}
	}
}

func BenchmarkCondition(b *testing.B) {
	vars := Vars{Status: StatusSuccess, Result: map[string]any{"valid": true, "qty": 7.0}}
	for _, text := range []string{"true", DefaultCondition, "result.valid == true", "status == 'success' && result.qty > 5"} {
		b.Run(text, func(b *testing.B) {
			c, err := CompileCondition(text)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := c.Eval(vars); err != nil || !ok {
					b.Fatal(ok, err)
				}
			}
		})
	}
}

func FuzzCondition(f *testing.F) {
	for _, text := range []string{"true", DefaultCondition, "result.items.all(i, i.qty + 1 <= 3)", "{'a': status}.a == 'x'", "result[0] * 2 / (3 - result.a) == -1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := CompileCondition(text)
		if err != nil {
			return
		}
		_, _ = c.Eval(Vars{Status: StatusSuccess, Result: map[string]any{"a": 1.0, "items": []any{"x"}}})
	})
}
