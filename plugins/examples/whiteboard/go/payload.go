package main

import (
	"errors"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// only tells what is wrong with an object that has other members than so many,
// which were read already.
func only(object mesh.JSON, members int, names string) error {
	for range object.Members() {
		members--
	}
	if members != 0 {
		return mesh.BadPayload("newValue", "must have "+names+", each once, and nothing else")
	}
	return nil
}

func isNotFound(err error) bool {
	var e *mesh.Error
	return errors.As(err, &e) && e.Code == mesh.CodeNotFound
}
