package buildpack

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettings(t *testing.T) {
	cases := map[string]struct {
		reason string
		env    []string
		want   settings
		// wrong is in the error.
		wrong []string
	}{
		"None":      {reason: "all settings have defaults", env: []string{"PATH=/bin", "BP_JVM_VERSION=21"}},
		"All":       {reason: "every setting", env: []string{"BP_FUNCTION= greet ", "BP_GO_TARGETS=./cmd/greet/", "BP_GO_BUILD_FLAGS=-tags=a,b -race", "BP_KEEP_FILES=site:./*.txt:"}, want: settings{function: "greet", dir: "cmd/greet", flags: "-tags=a,b -race", keep: []string{"site", "*.txt"}}},
		"Quotes":    {reason: "quotes as in a shell become those of GOFLAGS", env: []string{`BP_GO_BUILD_FLAGS=-ldflags="-s -X 'm.v=a'"  '-gcflags=-N -l'`}, want: settings{flags: `"-ldflags=-s -X 'm.v=a'" '-gcflags=-N -l'`}},
		"Unclosed":  {reason: "a quote that is not closed", env: []string{`BP_GO_BUILD_FLAGS=-ldflags="-s`}, wrong: []string{`a quote " is not closed`}},
		"BothKinds": {reason: "GOFLAGS cannot hold both kinds of quotes", env: []string{`BP_GO_BUILD_FLAGS="-ldflags=-X 'a=b'"' -X "c=d"'`}, wrong: []string{"both kinds of quotes"}},
		"TwoWords":  {reason: "GOFLAGS cannot hold a value that stands alone", env: []string{"BP_GO_BUILD_FLAGS=-tags loud"}, wrong: []string{`"loud" is no flag`, "-tags=a,b"}},
		"Targets":   {reason: "an image holds one function", env: []string{"BP_GO_TARGETS=./a:./b"}, wrong: []string{"an image holds one function"}},
		"Outside":   {reason: "a directory out of the tree", env: []string{"BP_GO_TARGETS=/etc"}, wrong: []string{"below the source"}},
		"Keep":      {reason: "a pattern out of the tree, and one that is none", env: []string{"BP_KEEP_FILES=../x:[a"}, wrong: []string{`"../x"`, `"[a"`}},
		"Unknown":   {reason: "a setting that there is not is a mistake, all of them are told", env: []string{"BP_FUNCTIONS=a", "BP_WEFT_X=1"}, wrong: []string{"no setting BP_FUNCTIONS", "no setting BP_WEFT_X"}},
		"Foreign":   {reason: "what others call it", env: []string{"BP_GO_BUILD_LDFLAGS=-s", "GOOGLE_FUNCTION_TARGET=a"}, wrong: []string{"BP_GO_BUILD_FLAGS=-ldflags=…", "name the function in BP_FUNCTION"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := readSettings(tc.env)
			if (err != nil) != (tc.wrong != nil) {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			for _, want := range tc.wrong {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%s: no %q in: %v", tc.reason, want, err)
				}
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(settings{})); tc.wrong == nil && diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestGoflags has the flags of the build added to those that there are.
func TestGoflags(t *testing.T) {
	if got, want := (settings{flags: "-tags=a"}).goflags("-v"), "-v -tags=a -modcacherw"; got != want {
		t.Errorf("GOFLAGS are %q, want %q", got, want)
	}
	if got, want := (settings{}).goflags(""), "-modcacherw"; got != want {
		t.Errorf("without flags, GOFLAGS are %q, want %q", got, want)
	}
}

// FuzzFlags has flags come out as words that begin as flags do, and none lost.
func FuzzFlags(f *testing.F) {
	for _, s := range []string{"", "-a", `-ldflags="-s -w" -race`, `'-a "b" c'`, `-x"y'z"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		flags, err := goFlags(value)
		if err != nil {
			return
		}
		want, err := split(value)
		if err != nil {
			t.Fatal(err)
		}
		// What GOFLAGS says is the same words again.
		if got := words(flags); !cmp.Equal(want, got) {
			t.Errorf("%q becomes %q: %q, want %q", value, flags, got, want)
		}
	})
}

// words splits GOFLAGS as the go command does: only a quote that begins a word
// is one.
func words(flags string) []string {
	const space = " \t\n\r"
	var all []string
	for flags = strings.TrimLeft(flags, space); flags != ""; flags = strings.TrimLeft(flags, space) {
		end := strings.IndexAny(flags, space)
		if q := flags[:1]; q == "'" || q == `"` {
			word, rest, _ := strings.Cut(flags[1:], q)
			all, flags = append(all, word), rest
			continue
		}
		if end < 0 {
			end = len(flags)
		}
		all, flags = append(all, flags[:end]), flags[end:]
	}
	return all
}
