package main

import (
	"errors"
	"strings"

	mesh "github.com/mesh-host/mesh-host/pdk/go"
)

// settings are the operator's, [plugins.chat.config]. Every instance reads them
// for itself, before its first call.
var settings chatSettings

type chatSettings struct {
	// moderators are users and, with trustNames, names, in lower case.
	moderators map[string]bool
	// trustNames makes whoever takes a moderator's name first a moderator: for
	// trying things out without authentication.
	trustNames bool
	// words are masked in messages and refused in names, in lower case.
	words map[string]bool
	// rate is how many commands a connection may send in ten seconds.
	rate int64
	// kick is how long a kicked one has to stay out.
	kick mesh.Duration
}

func readSettings(config mesh.JSON) (chatSettings, error) {
	s := chatSettings{rate: 10, kick: 5 * mesh.Minute}
	for key, value := range config.Members() {
		var ok bool
		switch key {
		case "moderators":
			s.moderators, ok = readSet(value)
		case "trust_names":
			s.trustNames, ok = value.AsBool()
		case "words":
			s.words, ok = readSet(value)
		case "rate":
			s.rate, ok = value.AsInt()
			ok = ok && s.rate > 0
		case "kick_seconds":
			var n int64
			n, ok = value.AsInt()
			ok = ok && n > 0 && n <= 7*24*3600
			s.kick = mesh.Duration(n) * mesh.Second
		default:
			return s, errors.New("config: " + key + " is unknown: moderators, trust_names, words, rate or kick_seconds")
		}
		if !ok {
			return s, errors.New("config: " + key + " must be " + allowed[key])
		}
	}
	return s, nil
}

var allowed = map[string]string{
	"moderators":   "a list of users",
	"trust_names":  "true or false",
	"words":        "a list of words",
	"rate":         "a whole number above 0",
	"kick_seconds": "a whole number, 1 to 604800",
}

func readSet(list mesh.JSON) (map[string]bool, bool) {
	texts, ok := list.AsTexts()
	set := make(map[string]bool, len(texts))
	for _, text := range texts {
		set[strings.ToLower(text)] = true
		ok = ok && text != ""
	}
	return set, ok
}
