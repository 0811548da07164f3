//go:build smtp

package main

import (
	"github.com/dapr/components-contrib/bindings/smtp"
	bindings "github.com/dapr/dapr/pkg/components/bindings"
)

// Mail is none of Dapr's stable components, and the article's mesh sends it.
func init() {
	bindings.DefaultRegistry.RegisterOutputBinding(smtp.NewSMTP, "smtp")
}
