package image

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// RegistryError means that a registry did not take or give an image.
type RegistryError struct {
	// Registry is its host, Repository the path there.
	Registry, Repository string
	// Status of HTTP, 0 if there was no answer.
	Status int
	// Reason is what is wrong, without secrets.
	Reason string
	hint   string
	err    error
}

func (e *RegistryError) Error() string {
	return fmt.Sprintf("registry %s, repository %s: %s", e.Registry, e.Repository, e.Reason)
}

// Hint is the way out.
func (e *RegistryError) Hint() string { return e.hint }

// Is tells a context's end from other errors. The error beneath is not
// unwrapped, as it may hold what must not be shown.
func (e *RegistryError) Is(target error) bool {
	return (target == context.Canceled || target == context.DeadlineExceeded) && errors.Is(e.err, target)
}

// explain says in words what went wrong with a repository.
func (c *client) explain(ctx context.Context, repo name.Repository, err error) error {
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ctx.Err()
	}
	host := repo.RegistryStr()
	e := &RegistryError{Registry: host, Repository: repo.RepositoryStr(), err: err}
	login := "log in with: docker login " + host
	if host == name.DefaultRegistry {
		login = "log in with: docker login; or name another registry with --to"
	}
	var answer *transport.Error
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch { // certificates before answers: plain HTTP, where allowed, is tried after them
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Reason, e.hint = "it speaks plain HTTP, not HTTPS", "if that is what you want, say --insecure"
	case certificate(err) != nil:
		e.Reason = "its certificate is not accepted: " + c.keys.clean(certificate(err).Error())
		e.hint = "add the certificate of its authority to those of this machine, or name a file of them in SSL_CERT_FILE"
	case errors.As(err, &answer):
		e.Status = answer.StatusCode
		c.answered(e, answer, login)
	case errors.As(err, &dns):
		e.Reason, e.hint = "there is no host of that name", "check the name in the function's image, or the one given with --to"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Reason, e.hint = "nothing listens there (connection refused)", "start it, or check host and port"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		e.Reason, e.hint = "it did not answer in time", "check host and port, and whether a proxy is needed (HTTPS_PROXY)"
	case strings.Contains(err.Error(), "credentials"):
		e.Reason, e.hint = "the credential helper of Docker's configuration failed", "look at credsStore and credHelpers in the configuration; "+login
	case strings.Contains(err.Error(), "redirects"):
		e.Reason, e.hint = "it redirects in a circle", "check host and port, and the proxy before it"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		e.Reason, e.hint = "it ended the connection in the middle", "nothing was tagged; run the build again to go on where it stopped"
	default:
		e.Reason, e.hint = c.keys.clean(err.Error()), "nothing was tagged; run the build again to go on where it stopped"
	}
	return e
}

// answered explains an answer of HTTP.
func (c *client) answered(e *RegistryError, answer *transport.Error, login string) {
	status := fmt.Sprintf("(%d %s)", answer.StatusCode, http.StatusText(answer.StatusCode))
	if len(answer.Errors) > 0 && answer.Errors[0].Message != "" {
		said := c.keys.clean(answer.Errors[0].Message)
		if r := []rune(said); len(r) > 200 {
			said = string(r[:200]) + "…"
		}
		status = fmt.Sprintf("(%d: %s)", answer.StatusCode, said)
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusUnsupportedMediaType:
		e.Reason, e.hint = "it refuses what was sent "+status, "nothing was tagged; run the build again to go on where it stopped"
		if len(answer.Errors) > 0 && strings.HasPrefix(string(answer.Errors[0].Code), "MANIFEST_") {
			e.Reason, e.hint = "it refuses the image's manifest "+status, "it must take image indexes of OCI; name another registry with --to"
		}
	case http.StatusUnauthorized:
		e.Reason = "it refuses the credentials of Docker's configuration " + status
		if !c.keys.found() {
			e.Reason = "it asks for credentials, and Docker's configuration has none for it " + status
		}
		e.hint = login
	case http.StatusForbidden:
		if c.pulls {
			e.Reason, e.hint = "you may not pull from there "+status, "ask for the right to, or "+login
			break
		}
		e.Reason, e.hint = "you may not push there "+status, "ask for the right to push, or "+login
	case http.StatusNotFound:
		if c.pulls {
			e.Reason, e.hint = "there is no such image "+status, "check repository and tag, or digest, of the base"
			break
		}
		e.Reason, e.hint = "there is no such repository "+status, "create it there, or name another with --to or the function's image"
	case http.StatusMethodNotAllowed:
		e.Reason, e.hint = "it takes no images "+status, "name a registry that can be pushed to"
	case http.StatusRequestEntityTooLarge:
		e.Reason, e.hint = "the image is too large for it "+status, "raise the limit of the registry or of the proxy before it"
	case http.StatusTooManyRequests:
		e.Reason, e.hint = "it limits how often it is called "+status, "wait a while; what was sent need not be sent again"
	default:
		e.Reason, e.hint = "it failed "+status, "nothing was tagged; run the build again to go on where it stopped"
	}
}

// certificate is what is wrong with a certificate, if that is the error.
func certificate(err error) error {
	if e, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return e
	}
	if e, ok := errors.AsType[x509.HostnameError](err); ok {
		return e
	}
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		return e
	}
	return nil
}
