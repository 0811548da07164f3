package image

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// Annotations of the OCI image specification that images have here.
const (
	annotationTitle      = "org.opencontainers.image.title"
	annotationVersion    = "org.opencontainers.image.version"
	annotationRevision   = "org.opencontainers.image.revision"
	annotationSource     = "org.opencontainers.image.source"
	annotationCreated    = "org.opencontainers.image.created"
	annotationBaseName   = "org.opencontainers.image.base.name"
	annotationBaseDigest = "org.opencontainers.image.base.digest"
	annotationRefName    = "org.opencontainers.image.ref.name"
)

// Origin is where the code of an image comes from.
type Origin struct {
	// Source is the address of the repository, without user and password.
	Source string
	// Revision is the commit, with "-dirty" behind it if files have changed
	// since.
	Revision string
}

// OriginOf asks git about a directory. What it does not know stays empty, as
// does all where there is no git or no repository. The paths except are what
// a build writes: they change nothing about the code.
func OriginOf(ctx context.Context, dir string, except ...string) Origin {
	git := func(args ...string) (string, bool) {
		cmd := exec.CommandContext(ctx, "git", args...)
		cmd.Dir = dir
		// Nothing is written for it, so that it is in nobody's way.
		cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0")
		out, err := cmd.Output()
		return strings.TrimSpace(string(out)), err == nil
	}
	var o Origin
	var ok bool
	if o.Revision, ok = git("rev-parse", "--verify", "HEAD"); !ok {
		return Origin{}
	}
	status := []string{"status", "--porcelain", "--untracked-files=normal", "--", "."}
	for _, path := range except {
		if rel, err := filepath.Rel(dir, path); err == nil && path != "" && rel != "." && filepath.IsLocal(rel) {
			status = append(status, ":(exclude,literal)"+filepath.ToSlash(rel))
		}
	}
	if changes, ok := git(status...); ok && changes != "" {
		o.Revision += "-dirty"
	}
	if remote, ok := git("remote", "get-url", "origin"); ok {
		o.Source = address(remote)
	}
	return o
}

// address makes an https address of what git calls a remote: an URL, or
// user@host:path. It keeps no user, password, query, nor a path of this
// machine.
func address(remote string) string {
	if !strings.Contains(remote, "://") {
		host, path, ok := strings.Cut(remote, ":")
		if !ok || strings.Contains(host, "/") {
			return ""
		}
		host = host[strings.LastIndex(host, "@")+1:]
		remote = "https://" + host + "/" + strings.TrimPrefix(path, "/")
	}
	u, err := url.Parse(remote)
	if err != nil || u.Hostname() == "" || u.Scheme == "file" {
		return ""
	}
	clean := url.URL{Scheme: "https", Host: u.Host, Path: strings.TrimSuffix(u.Path, ".git")}
	switch u.Scheme {
	case "http":
		clean.Scheme = "http"
	case "ssh", "git":
		clean.Host = u.Hostname() // the port is not that of https
	}
	return clean.String()
}

// Annotations of an image: those of its origin, its name, its version (left
// out if "" or "latest") and, if created is not zero, its time.
func Annotations(name, version string, o Origin, created time.Time) map[string]string {
	a := map[string]string{annotationTitle: name}
	set := func(key, value string) {
		if value != "" {
			a[key] = value
		}
	}
	if version != "latest" {
		set(annotationVersion, version)
	}
	set(annotationRevision, o.Revision)
	set(annotationSource, o.Source)
	if !created.IsZero() {
		set(annotationCreated, created.UTC().Format(time.RFC3339))
	}
	return a
}
