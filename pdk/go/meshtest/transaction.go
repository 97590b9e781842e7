package meshtest

import (
	"fmt"
	"strconv"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
	"github.com/mesh-host/mesh-host/pdk/go/internal/codec"
)

// maxTransaction is the most operations of a transaction.
const maxTransaction = 100

func (h *Host) transact(f *codec.Fields) ([]byte, *mesh.Error) {
	writes, e := readTransaction(f.Bytes())
	if e == nil {
		e = h.commit(writes, nil)
	}
	if e != nil {
		return nil, e
	}
	return codec.AppendBytes(nil, h.results(writes)), nil
}

// readTransaction reads a list of operations.
func readTransaction(list mesh.JSON) (writes []write, e *mesh.Error) {
	seen := map[string]bool{}
	for item := range list.Items() {
		w, e := readOperation(item)
		if e != nil {
			return nil, e
		}
		if seen[w.id] {
			return nil, malformed("record " + strconv.Quote(w.id) + " is there twice")
		}
		seen[w.id] = true
		writes = append(writes, w)
	}
	if len(writes) == 0 || len(writes) > maxTransaction {
		return nil, malformed(fmt.Sprintf("a transaction has 1 to %d of them", maxTransaction))
	}
	return writes, nil
}

func readOperation(item mesh.JSON) (w write, e *mesh.Error) {
	op, _ := item.Get("op").AsText()
	id, ok := item.Get("recordId").AsText()
	w = write{id: id, remove: op == "delete", value: item.Get("value")}
	switch {
	case op != "write" && op != "delete":
		return w, malformed(`"op" must be "write" or "delete"`)
	case !ok:
		return w, malformed(`"recordId" must be text`)
	case !w.remove && w.value == nil:
		return w, malformed(`"value" is missing`)
	}
	if e := w.take(item.Get("options")); e != nil {
		return w, malformed(e.Message)
	}
	return w, nil
}

func malformed(problem string) *mesh.Error {
	return mesh.NewError(mesh.CodeTransaction, "operations: "+problem)
}

// results says what has become of a transaction.
func (h *Host) results(writes []write) mesh.JSON {
	list := mesh.Array()
	for _, w := range writes {
		op := "write"
		if w.remove {
			op = "delete"
		}
		list.Raw(mesh.Object().Text("op", op).Text("recordId", w.id).Bool("success", true).Int("version", h.record(w.id).version).JSON())
	}
	return list.JSON()
}
