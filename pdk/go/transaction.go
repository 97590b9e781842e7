package mesh

// Transaction is writes of several records, each of them once, that are made
// all or not at all, and seen as one change:
//
//	done, err := mesh.Records.Transaction().
//		Set("account:a", a, mesh.ExpectVersion(3)).
//		Set("account:b", b, mesh.ExpectVersion(8)).
//		Commit()
//
// It must not be used after Commit.
type Transaction struct{ operations *ArrayBuilder }

// Transaction starts a transaction of 1 to 100 writes, or as many as the host's
// limits allow. Nothing is written before Commit.
func (RecordOperations) Transaction() *Transaction { return &Transaction{Array()} }

// Set adds Records.Set.
func (t *Transaction) Set(id string, value JSON, options ...WriteOption) *Transaction {
	return t.write(id, value, termsOf("", options))
}

// Merge adds Records.Merge.
func (t *Transaction) Merge(id string, part JSON, options ...WriteOption) *Transaction {
	return t.write(id, part, termsOf(Merge, options))
}

// Delete adds Records.Delete.
func (t *Transaction) Delete(id string, options ...DeleteOption) *Transaction {
	var q terms
	for _, option := range options {
		option.deletion(&q)
	}
	t.operations.Raw(q.of(Object().Text("op", "delete").Text("recordId", id)))
	return t
}

func (t *Transaction) write(id string, value JSON, q terms) *Transaction {
	t.operations.Raw(q.of(Object().Text("op", "write").Text("recordId", id).Raw("value", value)))
	return t
}

// of ends an operation with what the terms say.
func (t terms) of(operation *ObjectBuilder) JSON {
	o := Object()
	if t.strategy != "" {
		o.Text("strategy", t.strategy)
	}
	if t.expect != nil {
		o.Raw("expectVersion", t.expect)
	}
	if t.ttl != 0 {
		o.Int("ttl", t.ttl)
	}
	if len(o.text) > 1 {
		operation.Raw("options", o.JSON())
	}
	return operation.JSON()
}

// Commit makes the writes. The error is ETXN where there are none, too many, or
// two of one record; otherwise that of the first write that fails, with its
// recordId in Data, and nothing is written.
func (t *Transaction) Commit() (Committed, error) {
	list, err := callRecordsTransaction(t.operations.JSON())
	return Committed{list}, err
}

// Committed is what has become of a transaction.
type Committed struct {
	// List is [{"op", "recordId", "success", "version"}], in the order of the
	// writes.
	List JSON
}

// Version returns the version that the transaction has left a record at, 0 for
// one that it did not write.
func (c Committed) Version(id string) int64 {
	for item := range c.List.Items() {
		if written, _ := item.Get("recordId").AsText(); written == id {
			version, _ := item.Get("version").AsInt()
			return version
		}
	}
	return 0
}
