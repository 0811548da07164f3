// Command mailbox is the mail server of the order sample on one machine: it
// takes what the binding email sends, over SMTP at SMTP_ADDR, and answers what
// it has got. On a cluster a real mail server takes its place.
package main

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"

	"github.com/weftmesh/weft/runtime/fn"
	"github.com/weftmesh/weft/samples/order-processing/mailbox"
)

func main() {
	file, err := mailbox.Open(cmp.Or(os.Getenv("MAIL_FILE"), ".weft/mail.jsonl"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "MAIL_FILE:", err)
		os.Exit(1)
	}
	server := mailbox.Start(cmp.Or(os.Getenv("SMTP_ADDR"), "127.0.0.1:1025"), file)
	fn.HTTP("mailbox", server)
	fn.Main()
	if err := server.Stop(); err != nil {
		slog.Warn("mail was cut off", "error", err)
	}
}
