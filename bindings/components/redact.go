package components

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// hidden is what stands for a secret in errors and logs.
const hidden = "***"

// redactor takes secrets out of texts.
type redactor []string

// secretName matches names of metadata whose values are secret wherever they
// come from.
var secretName = regexp.MustCompile(`(?i)password|passwd|secret|token|seedkey|jwt|accesskey|clientkey|privatekey|apikey|accountkey`)

// notSecret matches those of them that say where something is.
var notSecret = regexp.MustCompile(`(?i)(file|path|url|endpoint)$`)

// passwordIn matches a password in key=value pairs.
var passwordIn = regexp.MustCompile(`(?i)\bpassword\s*=\s*('(?:[^'\\]|\\.)*'|\S+)`)

// newRedactor knows the values that came from secrets and those that look like
// it, among them the passwords in URLs and connection strings.
func newRedactor(props map[string]string, secrets []string) redactor {
	var r redactor
	add := func(s string) {
		// Shorter ones would take ordinary letters out of a text.
		if len(s) < 3 {
			return
		}
		for _, form := range []string{s, url.QueryEscape(s), url.PathEscape(s)} {
			if !slices.Contains(r, form) {
				r = append(r, form)
			}
		}
	}
	passwords := func(v string) {
		for s := range strings.SplitSeq(v, ",") {
			if _, rest, ok := strings.Cut(s, "://"); ok {
				authority, _, _ := strings.Cut(rest, "/")
				if at := strings.LastIndexByte(authority, '@'); at >= 0 {
					if _, password, ok := strings.Cut(authority[:at], ":"); ok {
						add(password)
						if plain, err := url.PathUnescape(password); err == nil {
							add(plain)
						}
					}
				}
			}
		}
		for _, m := range passwordIn.FindAllStringSubmatch(v, -1) {
			add(strings.Trim(m[1], "'"))
		}
	}
	for _, v := range secrets {
		add(v)
		passwords(v)
	}
	for name, v := range props {
		if secretName.MatchString(name) && !notSecret.MatchString(name) && v != "true" && v != "false" {
			add(v)
		}
		passwords(v)
	}
	// Longer ones first: one may be part of another.
	slices.SortFunc(r, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return r
}

func (r redactor) text(s string) string {
	for _, secret := range r {
		s = strings.ReplaceAll(s, secret, hidden)
	}
	return s
}

// err returns an error with a text without secrets; it still is what it was
// for errors.Is and errors.As.
func (r redactor) err(err error) error {
	if err == nil {
		return nil
	}
	if text := r.text(err.Error()); text != err.Error() {
		return &redacted{text, err}
	}
	return err
}

type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }
