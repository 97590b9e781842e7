package host

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes.
type Size int64

// The units a Size is written in.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	TiB Size = 1 << 40
)

// sizeUnits in descending order, so that the largest that fits is used.
var sizeUnits = []struct {
	suffix string
	bytes  Size
}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}}

// String returns s the way MarshalText writes it.
func (s Size) String() string {
	for _, u := range sizeUnits {
		if s != 0 && s%u.bytes == 0 {
			return strconv.FormatInt(int64(s/u.bytes), 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(s), 10)
}

// MarshalText writes s as a whole number of the largest unit that loses
// nothing: "64KiB", "16MiB", "1000".
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a whole number, alone for bytes or with KiB, MiB, GiB
// or TiB directly behind it. Fractions, decimal units such as MB and numbers
// above 8 EiB are errors; a negative number is not, Validate refuses it where
// it makes no sense.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := string(text), Size(1)
	for _, u := range sizeUnits {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, unit = rest, u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%q is too large", text)
	case err != nil:
		return fmt.Errorf("%q is not a size: write a whole number of bytes, or one with KiB, MiB, GiB or TiB, such as \"64KiB\"", text)
	case n > math.MaxInt64/int64(unit) || n < math.MinInt64/int64(unit):
		return fmt.Errorf("%q is too large", text)
	}
	*s = Size(n) * unit
	return nil
}
