package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// maxDepth is how deep a path may lead: the server's values nest 120 deep at most.
const maxDepth = 128

// node is a JSON value that patches are applied to. It is text until a path leads
// into it: what patches do not touch keeps its spelling, and costs nothing.
type node struct {
	raw     json.RawMessage  // unless it is opened
	members map[string]*node // of an object
	keys    []string         // of an object, in order
	items   []*node          // of an array
	array   bool
}

// operation is a step of a patch.
type operation struct {
	Op    string          `json:"op"`
	Path  *string         `json:"path"`
	Value json.RawMessage `json:"value"`
}

// apply applies a patch as the server makes them: RFC 6902 with add, remove and
// replace. After an error the node is worth nothing.
func (n *node) apply(patch json.RawMessage) error {
	var operations []operation
	d := json.NewDecoder(bytes.NewReader(patch))
	d.DisallowUnknownFields()
	if d.Decode(&operations) != nil || operations == nil {
		return fmt.Errorf("%.100q is no patch", patch)
	}
	for _, o := range operations {
		if err := n.step(o); err != nil {
			return fmt.Errorf("%s: %w", o.Op, err)
		}
	}
	return nil
}

func (n *node) step(o operation) error {
	removes := o.Op == "remove"
	switch {
	case o.Path == nil || !removes && o.Op != "add" && o.Op != "replace" || removes == (o.Value != nil):
		return errors.New("no operation")
	case *o.Path == "" && removes:
		return errors.New("nothing would be left")
	case *o.Path == "":
		*n = node{raw: o.Value}
		return nil
	}
	tokens, err := pointer(*o.Path)
	if err != nil {
		return err
	}
	last := len(tokens) - 1
	for _, token := range tokens[:last] {
		if n, err = n.child(token); err != nil {
			return err
		}
	}
	if err := n.open(); err != nil {
		return err
	}
	if n.array {
		return n.stepItem(o, tokens[last])
	}
	return n.stepMember(o, tokens[last])
}

// pointer splits a JSON pointer (RFC 6901).
func pointer(path string) ([]string, error) {
	if path[0] != '/' || strings.Count(path, "/") > maxDepth {
		return nil, fmt.Errorf("%.100q is no path", path)
	}
	if strings.Contains(escapes.Replace(path), "~") {
		return nil, fmt.Errorf("%.100q is no path", path)
	}
	tokens := strings.Split(path[1:], "/")
	for i, token := range tokens {
		tokens[i] = unescape.Replace(token)
	}
	return tokens, nil
}

// What a ~ in a path stands for; there is no other.
var (
	escapes  = strings.NewReplacer("~1", "", "~0", "")
	unescape = strings.NewReplacer("~1", "/", "~0", "~")
)

// errMissing is for a path that leads nowhere.
var errMissing = errors.New("the path leads nowhere")

func (n *node) child(token string) (*node, error) {
	if err := n.open(); err != nil {
		return nil, err
	}
	if n.array {
		i, err := index(token, len(n.items)-1)
		if err != nil {
			return nil, err
		}
		return n.items[i], nil
	}
	if child := n.members[token]; child != nil {
		return child, nil
	}
	return nil, errMissing
}

// index reads an index up to a highest one.
func index(token string, highest int) (int, error) {
	i, err := strconv.Atoi(token)
	if err != nil || i < 0 || i > highest || token != strconv.Itoa(i) {
		return 0, errMissing
	}
	return i, nil
}

func (n *node) stepItem(o operation, token string) error {
	highest := len(n.items) - 1
	if o.Op == "add" {
		highest++
	}
	i := highest
	if o.Op != "add" || token != "-" {
		var err error
		if i, err = index(token, highest); err != nil {
			return err
		}
	}
	switch o.Op {
	case "add":
		n.items = slices.Insert(n.items, i, &node{raw: o.Value})
	case "remove":
		n.items = slices.Delete(n.items, i, i+1)
	default:
		n.items[i] = &node{raw: o.Value}
	}
	return nil
}

func (n *node) stepMember(o operation, key string) error {
	_, there := n.members[key]
	switch {
	case o.Op != "add" && !there:
		return errMissing
	case o.Op == "remove":
		delete(n.members, key)
		n.keys = slices.DeleteFunc(n.keys, func(k string) bool { return k == key })
		return nil
	}
	n.set(key, o.Value)
	return nil
}

func (n *node) set(key string, value json.RawMessage) {
	if _, there := n.members[key]; !there {
		n.keys = append(n.keys, key)
	}
	n.members[key] = &node{raw: value}
}

// open makes members or items of the text.
func (n *node) open() error {
	if n.array || n.members != nil {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(n.raw))
	first, err := d.Token()
	switch {
	case err != nil:
		return err
	case first == json.Delim('['):
		n.array = true
	case first == json.Delim('{'):
		n.members = make(map[string]*node)
	default:
		return errMissing
	}
	for d.More() {
		if err := n.openNext(d); err != nil {
			return err
		}
	}
	n.raw = nil
	return nil
}

func (n *node) openNext(d *json.Decoder) error {
	var key string
	if !n.array {
		token, err := d.Token()
		if err != nil {
			return err
		}
		key, _ = token.(string) // keys are
		if strings.ContainsRune(key, '\uFFFD') {
			return errors.New("keys may be the same that are not: Go knows no lone surrogates")
		}
	}
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return err
	}
	if n.array {
		n.items = append(n.items, &node{raw: value})
	} else {
		n.set(key, value)
	}
	return nil
}

// text returns the value as JSON text, which shares no memory with the node.
func (n *node) text() json.RawMessage {
	var b bytes.Buffer
	n.write(&b)
	return b.Bytes()
}

func (n *node) write(b *bytes.Buffer) {
	switch {
	case n.array:
		b.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				b.WriteByte(',')
			}
			item.write(b)
		}
		b.WriteByte(']')
	case n.members != nil:
		b.WriteByte('{')
		for i, key := range n.keys {
			if i > 0 {
				b.WriteByte(',')
			}
			name, _ := encode(key) // a string always is
			b.Write(name)
			b.WriteByte(':')
			n.members[key].write(b)
		}
		b.WriteByte('}')
	default:
		b.Write(n.raw)
	}
}
