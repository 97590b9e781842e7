package develop

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Cases is a file of tests: see docs/PLUGINS.md.
type Cases struct {
	// Schema is for editors, and means nothing here.
	Schema string `json:"$schema,omitempty"`
	// Config is the plugin's settings, a JSON object.
	Config json.RawMessage `json:"config,omitempty"`
	// Clients are those that cases name; one that is not among them is
	// anonymous.
	Clients map[string]Client `json:"clients,omitempty"`
	// HTTP is what http.fetch answers, at most 1000; for anything else it answers
	// EUNAVAILABLE.
	HTTP  []Answer `json:"http,omitempty"`
	Cases []Case   `json:"cases"`
}

// Case is one command and what is expected of it. The cases of a file run in
// their order and see what those before have left.
type Case struct {
	Name string `json:"name"`
	// As is the client that sends it; empty: one of its own, anonymous.
	As string `json:"as,omitempty"`
	// Command is a plugin's or a built-in's, mesh/join-room. Without one, the
	// case only waits, and looks.
	Command string          `json:"command,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
	// Disconnect ends the client's connection instead of sending a command.
	Disconnect bool `json:"disconnect,omitempty"`
	// Reply is the expected reply, Error the expected failure. Neither: it must
	// not fail.
	Reply json.RawMessage `json:"reply,omitempty"`
	Error *CaseError      `json:"error,omitempty"`
	// Pushes are all that clients are sent, from the command on; of each
	// client's in its order. Absent: they are not looked at.
	Pushes *[]CasePush `json:"pushes,omitempty"`
	// KV and Records are what is in the plugin's store and in records
	// afterwards, by key and by id; null where nothing is.
	KV      map[string]json.RawMessage `json:"kv,omitempty"`
	Records map[string]json.RawMessage `json:"records,omitempty"`
	// Wait is how long pushes, kv and records may take to become as expected, a
	// duration such as "2s"; empty: 1s, and at most 30s. Where no push is
	// expected, it is how long none may come; empty: 100ms.
	Wait string `json:"wait,omitempty"`
}

// CaseError is an expected failure.
type CaseError struct {
	Code string `json:"code"`
	// Message is the expected text; empty: any.
	Message string `json:"message,omitempty"`
}

// CasePush is an expected push.
type CasePush struct {
	// To is the client that gets it; empty: the case's own.
	To      string          `json:"to,omitempty"`
	Command string          `json:"command"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

const (
	maxCasesFile = 16 << 20
	maxCases     = 10_000
	maxClients   = 1000
	defaultWait  = time.Second
	silentWait   = 100 * time.Millisecond
	maxWait      = 30 * time.Second
)

// ReadCases reads a file of cases; the error says what is wrong with it.
func ReadCases(path string) (*Cases, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, refused(fmt.Errorf("the file of cases: %w", err))
	}
	defer func() { _ = f.Close() }() // it is only read
	text, err := io.ReadAll(io.LimitReader(f, maxCasesFile+1))
	if err != nil {
		return nil, err
	}
	cases, err := ParseCases(text)
	if err != nil {
		return nil, refused(fmt.Errorf("%s: %w", path, err))
	}
	return cases, nil
}

// ParseCases reads the text of a file of cases.
func ParseCases(text []byte) (*Cases, error) {
	if len(text) > maxCasesFile {
		return nil, fmt.Errorf("the file has more than %d bytes", maxCasesFile)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var cases Cases
	if err := d.Decode(&cases); err != nil {
		return nil, positioned(text, d.InputOffset(), err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more after the object")
	}
	return &cases, cases.check()
}

// positioned says where an error of the decoder is, which had come to at, and
// what is wrong in the words of the file.
func positioned(text []byte, at int64, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the text ends too early: is a bracket or a quote missing at its end?")
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind) && kind.Field == "":
		return errors.New(`the file must be an object: {"cases": […]}`)
	case errors.As(err, &kind):
		at, err = kind.Offset, fmt.Errorf("%s cannot be of the kind %s", kind.Field, kind.Value)
	default:
		err = errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	at = min(max(at, 0), int64(len(text)))
	return fmt.Errorf("line %d: %w", 1+bytes.Count(text[:at], []byte{'\n'}), err)
}

func (c *Cases) check() error {
	switch {
	case len(c.Cases) == 0:
		return errors.New("it has no cases")
	case len(c.Cases) > maxCases:
		return fmt.Errorf("it has %d cases, over the limit of %d", len(c.Cases), maxCases)
	case len(c.Clients) > maxClients:
		return fmt.Errorf("it has %d clients, over the limit of %d", len(c.Clients), maxClients)
	case c.Config != nil && !isObject(c.Config):
		return errors.New("config is no JSON object")
	}
	if len(c.HTTP) > maxAnswers {
		return fmt.Errorf("http has %d answers, over the limit of %d", len(c.HTTP), maxAnswers)
	}
	for i := range c.HTTP {
		if err := c.HTTP[i].check(); err != nil {
			return fmt.Errorf("answer %d of http: %w", i+1, err)
		}
	}
	seen := make(map[string]bool)
	for i := range c.Cases {
		one := &c.Cases[i]
		if one.Name == "" {
			return fmt.Errorf("case %d has no name", i+1)
		}
		if seen[one.Name] {
			return fmt.Errorf("two cases are named %q", one.Name)
		}
		seen[one.Name] = true
		if err := c.checkCase(one); err != nil {
			return fmt.Errorf("case %q: %w", one.Name, err)
		}
	}
	return nil
}

func (c *Cases) checkCase(one *Case) error {
	switch {
	case one.Reply != nil && one.Error != nil:
		return errors.New("it expects both a reply and an error")
	case one.Command == "" && (one.Payload != nil || one.Reply != nil || one.Error != nil):
		return errors.New("it has no command")
	case one.Command != "" && one.Disconnect:
		return errors.New("it has a command and disconnects: write two cases")
	case one.Error != nil && one.Error.Code == "":
		return errors.New("the error has no code")
	}
	_, err := one.wait(0)
	if err != nil || one.Pushes == nil {
		return err
	}
	known := sortedKeys(c.Clients)
	for _, other := range c.Cases {
		known = append(known, other.As)
	}
	for _, p := range *one.Pushes {
		if p.To != "" && !slices.Contains(known, p.To) {
			return fmt.Errorf("it expects a push to %q, which is no client", p.To)
		}
	}
	return nil
}

// wait is how long it waits, usual unless it says.
func (one *Case) wait(usual time.Duration) (time.Duration, error) {
	if one.Wait == "" {
		return usual, nil
	}
	d, err := time.ParseDuration(one.Wait)
	if err != nil || d <= 0 || d > maxWait {
		return 0, fmt.Errorf("wait is %q: write a duration above 0 and up to %s, such as \"2s\"", one.Wait, maxWait)
	}
	return d, nil
}

// Append writes the file's text, for people.
func (c *Cases) Append() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(c)
	return b.Bytes(), err
}

func isObject(text []byte) bool {
	var object map[string]json.RawMessage
	return json.Unmarshal(text, &object) == nil && object != nil
}

// ReadConfig reads the settings of a plugin: a JSON object, given as text or in
// a file; neither is nil.
func ReadConfig(text, file string) (json.RawMessage, error) {
	switch {
	case text != "" && file != "":
		return nil, refusedText("give either --config or --config-file")
	case file != "":
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, refused(err)
		}
		text = string(content)
	case text == "":
		return nil, nil
	}
	if !isObject([]byte(text)) {
		return nil, refusedText(`the settings are no JSON object such as '{"word": "Good day"}'`)
	}
	return json.RawMessage(text), nil
}
