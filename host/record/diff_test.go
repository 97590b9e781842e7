package record_test

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mesh-host/mesh-host/host/protocol"
	"github.com/mesh-host/mesh-host/host/record"
)

// long makes any change within shorter than the whole.
const long = `"a text that is long enough to make one change shorter than the whole of it"`

func TestDiff(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ from, to, want string }{
		// As in RFC 6902, appendix A.
		"a member is added":            {`{"foo":` + long + `}`, `{"baz":"qux","foo":` + long + `}`, `[{"op":"add","path":"/baz","value":"qux"}]`},
		"an element is added":          {`{"foo":["bar",` + long + `]}`, `{"foo":["bar","qux",` + long + `]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`},
		"a member is removed":          {`{"baz":"qux","foo":` + long + `}`, `{"foo":` + long + `}`, `[{"op":"remove","path":"/baz"}]`},
		"an element is removed":        {`{"foo":["bar","qux",` + long + `]}`, `{"foo":["bar",` + long + `]}`, `[{"op":"remove","path":"/foo/1"}]`},
		"a value is replaced":          {`{"baz":"qux","foo":` + long + `}`, `{"baz":"boo","foo":` + long + `}`, `[{"op":"replace","path":"/baz","value":"boo"}]`},
		"a value is moved":             {`{"foo":{"bar":1,"w":2},"qux":{"c":3},"l":` + long + `}`, `{"foo":{"bar":1},"qux":{"c":3,"w":2},"l":` + long + `}`, `[{"op":"remove","path":"/foo/w"},{"op":"add","path":"/qux/w","value":2}]`},
		"an element is moved":          {`{"foo":["all","grass","cows","eat",` + long + `]}`, `{"foo":["all","cows","eat","grass",` + long + `]}`, `[{"op":"remove","path":"/foo/1"},{"op":"add","path":"/foo/3","value":"grass"}]`},
		"a nested member is added":     {`{"foo":` + long + `}`, `{"foo":` + long + `,"child":{"grandchild":{}}}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`},
		"an array is added":            {`["foo",` + long + `]`, `["foo",` + long + `,["abc","def"]]`, `[{"op":"add","path":"/2","value":["abc","def"]}]`},
		"escapes in pointers":          {`{"/":9,"~1":10,"l":` + long + `}`, `{"/":10,"~1":9,"l":` + long + `}`, `[{"op":"replace","path":"/~1","value":10},{"op":"replace","path":"/~01","value":9}]`},
		"null is a value":              {`{"a":null,"l":` + long + `}`, `{"a":1,"b":null,"l":` + long + `}`, `[{"op":"replace","path":"/a","value":1},{"op":"add","path":"/b","value":null}]`},
		"a value that becomes null":    {`{"a":1,"l":` + long + `}`, `{"a":null,"l":` + long + `}`, `[{"op":"replace","path":"/a","value":null}]`},
		"the empty key":                {`{"":1,"l":` + long + `}`, `{"":2,"l":` + long + `}`, `[{"op":"replace","path":"/","value":2}]`},
		"keys like indices":            {`{"0":1,"-":1,"l":` + long + `}`, `{"0":2,"l":` + long + `}`, `[{"op":"replace","path":"/0","value":2},{"op":"remove","path":"/-"}]`},
		"keys of any script":           {`{"日本":{"é😀":1},"l":` + long + `}`, `{"日本":{"é😀":2},"l":` + long + `}`, `[{"op":"replace","path":"/日本/é😀","value":2}]`},
		"escaped keys":                 {`{"\u65e5":{"\"\u0001\/":1},"l":` + long + `}`, `{"日":{"\"\u0001/":2},"l":` + long + `}`, `[{"op":"replace","path":"/日/\"\u0001~1","value":2}]`},
		"another kind":                 {`{"a":[1],"b":{},"l":` + long + `}`, `{"a":{"b":1},"b":[],"l":` + long + `}`, `[{"op":"replace","path":"/a","value":{"b":1}},{"op":"replace","path":"/b","value":[]}]`},
		"the text of values":           {`{"a":0,"b":0,"l":` + long + `}`, `{"a": 12345678901234567890.10 ,"b": [ 1.0,"\u0061" ],"l":` + long + `}`, `[{"op":"replace","path":"/a","value":12345678901234567890.10},{"op":"replace","path":"/b","value":[ 1.0,"\u0061" ]}]`},
		"only what is different":       {`{"a":1.0,"b":"\u0061","c":[10,{"x":1,"y":2}],"d":1,"l":` + long + `}`, `{"l":` + long + `,"c":[1e1,{"y":2.0,"x":1}],"b":"a","d":2,"a":1}`, `[{"op":"replace","path":"/d","value":2}]`},
		"large numbers":                {`{"a":9007199254740992,"l":` + long + `}`, `{"a":9007199254740993,"l":` + long + `}`, `[{"op":"replace","path":"/a","value":9007199254740993}]`},
		"a part that is shorter whole": {`{"a":{"x":1,"y":2},"l":` + long + `}`, `{"a":{"x":2,"y":3},"l":` + long + `}`, `[{"op":"replace","path":"/a","value":{"x":2,"y":3}}]`},

		// Arrays.
		"several insertions":  {`[1,2,3,4,5,6,7,8,` + long + long2 + `]`, `[1,9,2,3,4,5,9,6,7,8,` + long + long2 + `,9]`, `[{"op":"add","path":"/1","value":9},{"op":"add","path":"/6","value":9},{"op":"add","path":"/12","value":9}]`},
		"the last ones go":    {`[` + long + long2 + `,1,2]`, `[` + long + long2 + `]`, `[{"op":"remove","path":"/3"},{"op":"remove","path":"/2"}]`},
		"the first ones go":   {`[1,2,` + long + long2 + `]`, `[` + long + long2 + `]`, `[{"op":"remove","path":"/1"},{"op":"remove","path":"/0"}]`},
		"all but one go":      {`[` + strings.Repeat(`1,`, 50) + `2]`, `[2]`, `[{"op":"replace","path":"","value":[2]}]`},
		"a list that slides":  {`[1,2,3,4,` + long + long2 + `]`, `[2,3,4,` + long + long2 + `,5]`, `[{"op":"remove","path":"/0"},{"op":"add","path":"/5","value":5}]`},
		"within and between":  {`[{"a":1,"b":` + long + `},2,{"a":3,"b":` + long + `}]`, `[0,{"a":1,"b":` + long + `},2,{"a":4,"b":` + long + `}]`, `[{"op":"add","path":"/0","value":0},{"op":"replace","path":"/3/a","value":4}]`},
		"an array in another": {`[[[[1,` + long + `]]]]`, `[[[[2,1,` + long + `]]]]`, `[{"op":"add","path":"/0/0/0/0","value":2}]`},
		"to nothing":          {`[1]`, `[]`, `[{"op":"remove","path":"/0"}]`},

		// The root.
		"equal values":           {`{"a":1,"b":2}`, ` {"b":2.0,"a":1}`, `[]`},
		"equal primitives":       {`1`, `1.0`, `[]`},
		"primitives":             {`1`, ` "\u0061" `, `[{"op":"replace","path":"","value":"\u0061"}]`},
		"to a primitive":         {`{"a":1}`, `null`, `[{"op":"replace","path":"","value":null}]`},
		"from a primitive":       {`false`, `{ "a" : 1 }`, `[{"op":"replace","path":"","value":{ "a" : 1 }}]`},
		"an object to an array":  {`{}`, `[]`, `[{"op":"replace","path":"","value":[]}]`},
		"missing before":         {``, `{"a":1}`, `[{"op":"replace","path":"","value":{"a":1}}]`},
		"missing then":           {`{"a":1}`, ``, `[{"op":"replace","path":"","value":null}]`},
		"missing before as then": {``, ``, `[]`},
		"shorter as a whole":     {`{"a":1,"b":2,"c":3}`, `{"a":2,"b":3,"c":4}`, `[{"op":"replace","path":"","value":{"a":2,"b":3,"c":4}}]`},
		"one field of few":       {`{"count":1}`, `{"count":2}`, `[{"op":"replace","path":"/count","value":2}]`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var patch []byte
			if c.from == "" || c.to == "" {
				patch = record.Diff([]byte(c.from), []byte(c.to))
			} else {
				patch = check(t, []byte(c.from), []byte(c.to))
			}
			if string(patch) != c.want {
				t.Errorf("the patch is\n%s, want\n%s", patch, c.want)
			}
		})
	}
}

const long2 = `,"and another one, so that even a few operations are less than the array; it goes on and on and on"`

// Of a member that is there twice the last counts, for whoever reads the
// record in full, and so for the patch.
func TestDiffOfDuplicates(t *testing.T) {
	t.Parallel()
	pad := `,"l":` + long + `}`
	for _, c := range []struct{ from, to, want string }{
		{`{"a":1,"a":2` + pad, `{"a":1` + pad, `[{"op":"replace","path":"/a","value":1}]`},
		{`{"a":1,"a":2` + pad, `{"a":3,"a":2` + pad, `[]`},
		{`{"a":1,"a":2` + pad, `{"a":2` + pad, `[]`},
		{`{"a":1` + pad, `{"a":1,"\u0061":2` + pad, `[{"op":"replace","path":"/a","value":2}]`},
		{`{"a":1,"b":1` + pad, `{"b":1,"a":1,"b":2` + pad, `[{"op":"replace","path":"/b","value":2}]`},
		{`{"o":{"x":1},"o":{"x":2},"b":1` + pad, `{"o":{"x":3},"o":{"x":2},"b":2` + pad, `[{"op":"replace","path":"/b","value":2}]`},
		{`{"a":[1,2],"x":1,"y":2,"a":0` + pad, `{"a":[2,1,2],"y":2,"x":1,"a":0` + pad, `[]`},
		{`{"a":[1,2],"x":1,"y":2,"a":0,"b":0` + pad, `{"a":[2,1,2],"y":2,"x":1,"a":0,"b":1` + pad, `[{"op":"replace","path":"/b","value":1}]`},
		{`{"x":{"o":[{"a":1},{"b":1}]},"x":1` + pad, `{"x":{"o":[{"a":2}]},"x":2` + pad, `[{"op":"replace","path":"/x","value":2}]`},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"a":1` + pad, `{"a":2,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"a":1` + pad, `[]`},
	} {
		if patch := check(t, []byte(c.from), []byte(c.to)); string(patch) != c.want {
			t.Errorf("from %s to %s: %s, want %s", c.from, c.to, patch, c.want)
		}
	}
	// More members that differ than are remembered one by one.
	var from, to []byte
	for i := range 40 {
		from = fmt.Appendf(from, `"key %d":%d,`, i, i)
		to = fmt.Appendf(to, `"key %d":%d,`, i, i+1)
	}
	tail := []byte(`"key 3":0,"l":[` + strings.Repeat(long+",", 50) + `0]}`)
	from, to = slices.Concat([]byte("{"), from, tail), slices.Concat([]byte("{"), to, tail)
	if n := len(stepsOf(t, check(t, from, to))); n != 39 {
		t.Errorf("%d operations, want 39", n)
	}
}

// A lone surrogate cannot be written in a pointer: the object that has it as a
// key is replaced instead.
func TestDiffOfLoneSurrogates(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to, want string }{
		{`{"o":{"\ud800":1},"l":` + long + `}`, `{"o":{"\ud800":2},"l":` + long + `}`, `[{"op":"replace","path":"/o","value":{"\ud800":2}}]`},
		{`{"o":{"\ud800":1},"l":` + long + `}`, `{"o":{"\udc00":1},"l":` + long + `}`, `[{"op":"replace","path":"/o","value":{"\udc00":1}}]`},
		{`{"o":{"a":1},"l":` + long + `}`, `{"o":{"a":1,"\udc00":1},"l":` + long + `}`, `[{"op":"replace","path":"/o","value":{"a":1,"\udc00":1}}]`},
		{`{"\ud800":{"o":1},"l":` + long + `}`, `{"\ud800":{"o":2},"l":` + long + `}`, `[{"op":"replace","path":"","value":{"\ud800":{"o":2},"l":` + long + `}}]`},
		{`{"\ud800":{"o":1.0},"a":1,"l":` + long + `}`, `{"\ud800":{"o":1},"a":2,"l":` + long + `}`, `[{"op":"replace","path":"/a","value":2}]`},
		{`{"\ud83d\ude00":1,"l":` + long + `}`, `{"\ud83d\ude00":2,"l":` + long + `}`, `[{"op":"replace","path":"/😀","value":2}]`},
		{`{"s":"\ud800","l":` + long + `}`, `{"s":"\udbff","l":` + long + `}`, `[{"op":"replace","path":"/s","value":"\udbff"}]`},
	} {
		if patch := check(t, []byte(c.from), []byte(c.to)); string(patch) != c.want {
			t.Errorf("from %s to %s:\n%s, want\n%s", c.from, c.to, patch, c.want)
		}
	}
}

// Large arrays, and what may be done to them for one or a few operations.
func TestDiffOfLargeArrays(t *testing.T) {
	t.Parallel()
	const n = 100_000
	elements := make([]string, n)
	for i := range elements {
		elements[i] = fmt.Sprintf(`{"id":%d,"on":true}`, i)
	}
	same := slices.Repeat([]string{"0"}, n)
	for name, c := range map[string]struct {
		from, to []string
		want     int
	}{
		"one more in front":      {elements[1:], elements, 1},
		"one more in between":    {slices.Delete(slices.Clone(elements), n/2, n/2+1), elements, 1},
		"one more behind":        {elements[:n-1], elements, 1},
		"one less in front":      {elements, elements[1:], 1},
		"one less behind":        {elements, elements[:n-1], 1},
		"it slides":              {elements[:n-3], elements[3:], 6},
		"changes here and there": {elements, changed(elements, 7, 5_000, 99_999), 3},
		"first and last":         {elements, slices.Concat([]string{`[]`}, elements[:n-1]), 2},
		"one moves":              {elements, slices.Insert(slices.Delete(slices.Clone(elements), 10, 11), 90_000, elements[10]), 2},
		"large exponents":        {exponents(0, n), exponents(1, n), 2},
		"many that are the same": {same, slices.Concat([]string{"1"}, same, []string{"1"}), 3},
		"among the same":         {same, slices.Concat(same[:n/2], []string{"1"}, same[n/2:]), 1},
		"changes among the same": {same, changed(same, 3, 50_000, 90_000), 3},
		"in another spelling":    {elements, respelt(elements[1:]), 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := []byte("["+strings.Join(c.from, ",")+"]"), []byte("["+strings.Join(c.to, ",")+"]")
			patch := record.Diff(from, to)
			if steps := stepsOf(t, patch); len(steps) != c.want || *steps[0].Path == "" {
				t.Errorf("%d operations, want %d: %.300s", len(steps), c.want, patch)
			}
			if got, err := follow(decode(t, from), stepsOf(t, patch)); err != nil || !record.Equal(encode(t, got), to) {
				t.Errorf("the patch makes something else (%v): %.300s", err, patch)
			}
		})
	}
}

// changed returns elements of which some are others.
func changed(elements []string, at ...int) []string {
	elements = slices.Clone(elements)
	for _, i := range at {
		elements[i] = `"changed"`
	}
	return elements
}

// exponents returns numbers from one up to another.
func exponents(from, to int) []string {
	list := make([]string, 0, to-from)
	for i := range to - from {
		list = append(list, fmt.Sprintf("1%d1e1234567890", from+i))
	}
	return append(list, strconv.Itoa(from))
}

func respelt(elements []string) []string {
	list := make([]string, len(elements))
	for i, e := range elements {
		list[i] = strings.NewReplacer(`,`, `.0, `, `id`, `\u0069d`).Replace(e)
	}
	return list
}

// What is made to be slow is not.
func TestDiffOfHostileValues(t *testing.T) {
	t.Parallel()
	nested := func(before, inner, after string) []byte {
		n := protocol.MaxDepth - 3 // the patch has two of its own
		return []byte(strings.Repeat(before, n) + inner + strings.Repeat(after, n))
	}
	text := strings.Repeat("x", 20_000)
	for name, c := range map[string]struct{ from, to []byte }{
		"arrays of one":        {nested(`[`, `["`+text+`a"]`, `]`), nested(`[`, `["`+text+`b"]`, `]`)},
		"arrays of two":        {nested(`[0,`, `["`+text+`a"]`, `]`), nested(`[1,`, `["`+text+`b"]`, `]`)},
		"arrays with more":     {nested(`[0,`, `["`+text+`a"]`, `,0]`), nested(`[1,`, `["`+text+`b"]`, `,1,1]`)},
		"two in each":          {nested(`[[0],`, `["`+text+`a"]`, `,[0]]`), nested(`[[1],[1],`, `["`+text+`b"]`, `]`)},
		"objects, reordered":   {nested(`{"a":0,"b":`, `["`+text+`a"]`, `,"c":0}`), nested(`{"c":1,"b":`, `["`+text+`b"]`, `,"a":1}`)},
		"keys that come twice": {nested(`{"b":0,"a":`, `["`+text+`a"]`, `,"a":0,"b":1}`), nested(`{"b":1,"a":`, `["`+text+`b"]`, `,"b":1,"a":0}`)},
		"keys that cannot be":  {nested(`{"\ud800":`, `["`+text+`a"]`, `}`), nested(`{"\ud800":`, `["`+text+`b"]`, `}`)},
		"many small arrays":    {many(`[`, `[%d,1%[1]d,2%[1]d,3%[1]d,4%[1]d,0,0]`, 20_000), many(`[`, `[1,0,-%d,-1%[1]d,0,-3%[1]d]`, 20_000)},
		"two large ones":       {many(`[`, `%d`, 100_000), many(`[`, `-%d`, 100_000)},
		"many members":         {many(`{`, `"a%d":0`, 50_000), many(`{`, `"b%d":0`, 50_000)},
		"most in another way":  {many(`[`, `%d`, 50_000), many(`[`, `1%d`, 50_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			patch := record.Diff(c.from, c.to)
			if got, err := follow(decode(t, c.from), stepsOf(t, patch)); err != nil || !record.Equal(encode(t, got), c.to) && !lone(c.to) {
				t.Errorf("the patch makes something else (%v): %.300s", err, patch)
			}
		})
	}
}

// Every level is in another order, so that each is looked for in all of what
// is below.
func TestHostileOrder(t *testing.T) {
	t.Parallel()
	numbers := string(many("[", `%d`, 8_000))
	nest := func(inner, before, after string) []byte {
		n := protocol.MaxDepth - 3
		return []byte(strings.Repeat(before, n) + inner + strings.Repeat(after, n))
	}
	from := nest(numbers, `{"a":0,"b":`, `,"c":1,"\ud800":1}`)
	for _, c := range []struct {
		to   []byte
		want bool
	}{
		{nest(strings.ReplaceAll(numbers, `,1`, ` ,1`), `{"c":1,"\uD800":1,"b":`, `,"a":0}`), true},
		{nest(strings.ReplaceAll(numbers, `,1`, ` ,2`), `{"c":1,"\uD800":1,"b":`, `,"a":0}`), false},
		{nest(numbers, `{"c":0,"c":1,"\uD800":1,"b":`, `,"a":1,"a":0}`), true},
		{nest(numbers, `{"c":1,"\uD800":1,"a":0,"b":`, `,"c":0}`), false},
		{nest(numbers, `{"c":1,"\uD800":1,"b":`, `}`), false},
	} {
		if got := record.Equal(from, c.to); got != c.want || record.Equal(c.to, from) != c.want {
			t.Errorf("equal is %v: %.200s", got, c.to)
		}
		check(t, from, c.to)
	}
}

// Whatever the bytes, there is an answer.
func TestBrokenText(t *testing.T) {
	t.Parallel()
	whole := []byte(` {"a":[1,-2.5e+7,{"b":"\u00e9\\"},[]],"a":null,"c":{"d":[true,{"e":"f"}]},"":[1,2,3,4]} `)
	other := []byte(`{"a":[0,-2.5e+7,{"b":"\u00e8\\"},[3]],"c":{"x":[true,{"e":"g"}]},"":[4,1,2,3,4]}`)
	use := func(a, b []byte) {
		record.Equal(a, b)
		record.Diff(a, b)
	}
	for _, text := range [][]byte{whole, other} {
		for i := range text {
			use(text[:i], whole)
			use(other, text[:i])
			use(text[i:], text)
			for _, c := range []byte("\x00\"\\{}[],:0-.eu\xff") {
				changed := bytes.Clone(text)
				changed[i] = c
				use(changed, whole)
				use(other, changed)
			}
		}
	}
	for _, open := range []string{`[`, `{"a":`, `[0,`, `{"a":0,"a":`} {
		deep := []byte(strings.Repeat(open, 100_000))
		use(deep, append(bytes.Clone(deep), '1'))
		use(append([]byte(`[[0],`), deep...), append([]byte(`[[1],[1],`), deep...))
	}
}

// many makes an array or an object of n children. The verbs get the index.
func many(open, format string, n int) []byte {
	list := []byte(open)
	for i := range n {
		if i > 0 {
			list = append(list, ',')
		}
		list = fmt.Appendf(list, format, i)
	}
	return append(list, open[0]+2)
}

func TestReplacement(t *testing.T) {
	t.Parallel()
	value := []byte(` {"b": 1.0} `)
	got := record.Replacement(value)
	clear(value)
	if want := `[{"op":"replace","path":"","value":{"b": 1.0}}]`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := string(record.Replacement(nil)), `[{"op":"replace","path":"","value":null}]`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// A patch is used long after the texts it was made of.
func TestDiffSharesNoMemory(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{{`{"a":1,"l":` + long + `}`, `{"a":2,"l":` + long + `}`}, {`1`, `2`}, {`{"a":1,"a":2}`, `{"a":3}`}} {
		from, to := []byte(c[0]), []byte(c[1])
		patch := record.Diff(from, to)
		want := bytes.Clone(patch)
		clear(from)
		clear(to)
		if !bytes.Equal(patch, want) {
			t.Errorf("%s became %s", want, patch)
		}
	}
}
