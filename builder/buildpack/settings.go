package buildpack

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// The settings, variables of the build's environment. Where a buildpack for Go
// has the same setting, the name is the one of Paketo's.
const (
	envFunction = "BP_FUNCTION"
	envTargets  = "BP_GO_TARGETS"
	envFlags    = "BP_GO_BUILD_FLAGS"
	envKeep     = "BP_KEEP_FILES"
)

// settings are what a user says about a build.
type settings struct {
	// function is the name of the function to build; "" leaves it to the source.
	function string
	// dir is the directory of the function, relative and clean; "" leaves it
	// to the source.
	dir string
	// flags are added to GOFLAGS.
	flags string
	// keep are patterns of files that stay in the image.
	keep []string
}

// foreign are settings of other buildpacks for Go, and what does the same here.
var foreign = map[string]string{
	"BP_GO_BUILD_LDFLAGS":     "write it as " + envFlags + "=-ldflags=…",
	"BP_GO_BUILD_IMPORT_PATH": "leave it out: modules know their import path",
	"BP_GO_WORK_USE":          "leave it out: go.work is honoured",
	"GOOGLE_FUNCTION_TARGET":  "name the function in " + envFunction,
	"GOOGLE_FUNCTION_SOURCE":  "name the directory in " + envTargets,
	"GOOGLE_BUILDABLE":        "name the directory in " + envTargets,
}

// ours are the beginnings of names that no other buildpack has: what begins so
// and is no setting is a mistake.
var ours = []string{"BP_FUNCTION", "BP_WEFT", "BP_GO_BUILD", "BP_GO_TARGET", "BP_KEEP"}

// readSettings reads the settings in an environment, and tells all that is
// wrong with them at once.
func readSettings(env []string) (settings, error) {
	var s settings
	var wrong []error
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Errorf(format, args...)) }
	known := []string{envFunction, envTargets, envFlags, envKeep}
	for _, kv := range slices.Sorted(slices.Values(env)) {
		name, value, _ := strings.Cut(kv, "=")
		instead, isForeign := foreign[name]
		switch {
		case name == envFunction:
			s.function = strings.TrimSpace(value)
		case name == envTargets:
			dir, err := directory(value)
			if err != nil {
				fault("%s is %q: %w", name, value, err)
			}
			s.dir = dir
		case name == envFlags:
			flags, err := goFlags(value)
			if err != nil {
				fault("%s is %q: %w", name, value, err)
			}
			s.flags = flags
		case name == envKeep:
			for pattern := range strings.SplitSeq(value, ":") {
				if pattern = strings.TrimSpace(pattern); pattern == "" {
					continue
				}
				pattern = path.Clean(filepath.ToSlash(pattern))
				if _, err := path.Match(pattern, "a"); err != nil || !filepath.IsLocal(pattern) {
					fault("%s has the pattern %q: write patterns of paths below the source, such as templates/*.html, with colons between them", name, pattern)
					continue
				}
				s.keep = append(s.keep, pattern)
			}
		case isForeign && value != "":
			fault("%s is a setting of another buildpack: %s", name, instead)
		case slices.ContainsFunc(ours, func(p string) bool { return strings.HasPrefix(name, p) }):
			fault("there is no setting %s: there are %s", name, strings.Join(known, ", "))
		}
	}
	return s, errors.Join(wrong...)
}

// goFlags reads flags of `go build` as a shell would, and writes them as
// GOFLAGS has them (go help environment): a flag and its value are one word,
// in quotes if it has spaces.
func goFlags(value string) (string, error) {
	words, err := split(value)
	if err != nil {
		return "", err
	}
	for i, w := range words {
		switch {
		case !strings.HasPrefix(w, "-") || strings.Trim(w, "-") == "":
			return "", fmt.Errorf("%q is no flag; write a flag and its value as one word, such as -tags=a,b", w)
		case !strings.ContainsAny(w, " \t\n\r"):
		case !strings.Contains(w, "'"):
			words[i] = "'" + w + "'"
		case !strings.Contains(w, `"`):
			words[i] = `"` + w + `"`
		default:
			return "", fmt.Errorf("%q has spaces and both kinds of quotes, which GOFLAGS cannot hold", w)
		}
	}
	return strings.Join(words, " "), nil
}

// split splits words at white space that is not in quotes, and drops the
// quotes.
func split(value string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	begun := false
	for _, r := range value {
		switch {
		case r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, begun = r, true
		case unicode.IsSpace(r):
			if begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quote %c is not closed", quote)
	}
	if begun {
		words = append(words, word.String())
	}
	return words, nil
}

// directory reads the target of a build: as of `go build`, but one.
func directory(value string) (string, error) {
	switch targets := strings.FieldsFunc(value, func(r rune) bool { return r == ':' || r == ' ' }); {
	case len(targets) == 0:
		return "", nil
	case len(targets) > 1:
		return "", errors.New("an image holds one function; name one directory, and build an image of each")
	case !filepath.IsLocal(filepath.FromSlash(targets[0])):
		return "", errors.New("it must be a directory below the source, such as ./functions/greet")
	default:
		return filepath.Clean(filepath.FromSlash(targets[0])), nil
	}
}

// goflags adds to the GOFLAGS that there are.
func (s settings) goflags(were string) string {
	// The lifecycle deletes modules that it is not to keep any longer, which
	// their directories must allow.
	return strings.TrimSpace(strings.TrimSpace(were+" "+s.flags) + " -modcacherw")
}
