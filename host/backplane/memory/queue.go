package memory

import "container/heap"

// queued is an item of a queue. It knows its place there, which is nowhere
// while it is in none.
type queued interface {
	due() int64
	place() *int
}

const nowhere = -1

// queue is a heap of pointers, the one that is due first at its head.
type queue[T queued] []T

func (q *queue[T]) push(item T) { heap.Push(q, item) }

func (q *queue[T]) fix(item T) { heap.Fix(q, *item.place()) }

func (q *queue[T]) remove(item T) { heap.Remove(q, *item.place()) }

// Len implements heap.Interface.
func (q *queue[T]) Len() int { return len(*q) }

// Less implements heap.Interface.
func (q *queue[T]) Less(i, j int) bool { return (*q)[i].due() < (*q)[j].due() }

// Swap implements heap.Interface.
func (q *queue[T]) Swap(i, j int) {
	s := *q
	s[i], s[j] = s[j], s[i]
	*s[i].place(), *s[j].place() = i, j
}

// Push implements heap.Interface.
func (q *queue[T]) Push(item any) {
	*item.(T).place() = len(*q)
	*q = append(*q, item.(T))
}

// Pop implements heap.Interface.
func (q *queue[T]) Pop() any {
	s := *q
	last := len(s) - 1
	item := s[last]
	*item.place() = nowhere
	var none T
	s[last] = none
	*q = s[:last]
	return item
}
