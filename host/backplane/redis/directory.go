package redis

import (
	"context"
	"slices"

	"github.com/mesh-host/mesh-host/host/backplane"
)

var askScript = newScript("ask")

// ask runs one reading command on one key of the directory.
func (n *Node) ask(ctx context.Context, command, key string, args ...any) (reply, error) {
	return n.eval(ctx, n.directory, askScript, append([]any{command, key}, args...)...)
}

// askSorted is an ask for names, which it sorts.
func (n *Node) askSorted(ctx context.Context, command, key string) ([]string, error) {
	r, err := n.ask(ctx, command, key)
	if err != nil {
		return nil, err
	}
	names := r.texts()
	slices.Sort(names)
	return names, nil
}

const (
	// maxPage bounds a page, whatever is asked for, and maxPageBytes what is in
	// it: while one is read, Redis does nothing else.
	maxPage      = 1000
	maxPageBytes = 1 << 20
)

// cursorMark begins every cursor; the last name of the page follows.
const cursorMark = ">"

// parseCursor returns where ZRANGEBYLEX goes on.
func parseCursor(cursor string) (from string, err error) {
	switch {
	case cursor == "":
		return "-", nil
	case cursor[:1] != cursorMark:
		return "", backplane.ErrCursor
	}
	return "(" + cursor[1:], nil
}

// askPage reads a page of a sorted set of names.
func (n *Node) askPage(ctx context.Context, key, cursor string, limit int) (page []string, next string, err error) {
	from, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	limit = min(max(1, limit), maxPage)
	r, err := n.ask(ctx, "ZRANGEBYLEX", key, from, "+", "LIMIT", 0, limit+1)
	if err != nil {
		return nil, "", err
	}
	page = r.texts()
	if len(page) > limit { // the one more tells that there is a next page
		page = page[:limit]
		next = cursorMark + page[limit-1]
	}
	return page, next, nil
}

// list reads a page of names, each with what a script says about it: so many
// fields with the name. Those of which nothing is known any more are damaged,
// and left out by read.
func list[T any](ctx context.Context, n *Node, s *script, fields int, cursor string, limit int, read func([]reply) (T, bool)) (page []T, next string, err error) {
	from, err := parseCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	r, err := n.eval(ctx, n.directory, s, from, min(max(1, limit), maxPage), maxPageBytes)
	if err != nil {
		return nil, "", err
	}
	all := r.list(1)
	more, all := all[0].yes(), all[1:]
	for ; len(all) >= fields; all = all[fields:] {
		if item, ok := read(all[:fields]); ok {
			page = append(page, item)
		}
		if more {
			next = cursorMark + all[0].text()
		}
	}
	return page, next, nil
}

// optional adds a value that may be nil to the arguments of a script, copied, for
// they may outlast the call. Lua's optional reads it.
func optional(args []any, value []byte) []any {
	if value == nil {
		return append(args, 0, "")
	}
	return append(args, 1, string(value))
}

// appendTexts adds texts to the arguments of a script.
func appendTexts(args []any, texts []string) []any {
	for _, text := range texts {
		args = append(args, text)
	}
	return args
}

// flag is a bool as an argument.
func flag(is bool) int {
	if is {
		return 1
	}
	return 0
}
