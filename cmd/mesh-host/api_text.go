package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/mesh-host/mesh-host/abi"
)

// printOperations writes a line an operation: name, fields, and what it does.
func printOperations(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, o := range operatorOperations() {
		fields := make([]string, len(o.Request))
		for i, f := range o.Request {
			if fields[i] = f.Name; f.Optional {
				fields[i] = "[" + f.Name + "]"
			}
		}
		if _, err := fmt.Fprintf(table, "%s\t%s\t%s\n", o.Name, strings.Join(fields, " "), firstSentence(o.Doc)); err != nil {
			return err
		}
	}
	return table.Flush()
}

func firstSentence(text string) string {
	if first, _, more := strings.Cut(text, ". "); more {
		return first + "."
	}
	return text
}

// describeOperation is what an operation's --help says of it.
func describeOperation(o abi.Operation) string {
	var b strings.Builder
	b.WriteString(o.Doc + "\n")
	writeFields(&b, "The request is a JSON object with", o.Request)
	if o.Result == "" {
		writeFields(&b, "The result is a JSON object with", o.Response)
		return b.String()
	}
	for _, f := range o.Response {
		if f.Name == o.Result {
			writeFields(&b, "The result is", []abi.Field{f})
		} else {
			writeFields(&b, "Beside it, on stderr", []abi.Field{f})
		}
	}
	return b.String()
}

var typeNames = map[string]string{
	"string": "string", "json": "JSON", "int": "whole number", "bool": "true or false", "strings": "list of strings",
}

func writeFields(b *strings.Builder, title string, fields []abi.Field) {
	if len(fields) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", title)
	table := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0) // a strings.Builder takes everything
	for _, f := range fields {
		kind := typeNames[f.Type]
		if f.Optional {
			kind += ", optional"
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", f.Name, kind, f.Doc)
	}
	_ = table.Flush()
}

// printAnswer writes the result to stdout, and where the next page begins, if
// that stands beside it, to stderr.
func printAnswer(c *cobra.Command, a apiAnswer) error {
	compact, err := c.Flags().GetBool("compact")
	if err != nil {
		return err
	}
	text, err := formatResult(a.Result, !compact && isTerminal(c.OutOrStdout()))
	if err != nil {
		return err
	}
	if _, err := c.OutOrStdout().Write(text); err != nil {
		return err
	}
	if a.Cursor != "" {
		fmt.Fprintf(c.ErrOrStderr(), "mesh-host: the next page begins at cursor %s\n", quoteString(a.Cursor))
	}
	return nil
}

// formatResult lays out JSON, indented or on one line, with a line's end. The
// control characters that JSON lets stand are escaped: clients choose what
// their metadata does to a terminal.
func formatResult(result []byte, indent bool) ([]byte, error) {
	var b bytes.Buffer
	var err error
	if indent {
		err = json.Indent(&b, result, "", "  ")
	} else {
		err = json.Compact(&b, result)
	}
	return append(escapeControls(b.Bytes()), '\n'), err
}

// escapeControls escapes, in JSON text, DEL and the control characters above.
func escapeControls(text []byte) []byte {
	escaped := make([]byte, 0, len(text)+1)
	for _, r := range string(text) {
		if r >= 0x7f && r < 0xa0 {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = utf8.AppendRune(escaped, r)
		}
	}
	return escaped
}

// isTerminal tells whether w is one, or another device: they are for people.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
