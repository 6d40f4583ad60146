package lualib

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/ncruces/go-strftime"
	lua "github.com/yuin/gopher-lua"

	"farmrun/luahost/lualib/arg"
)

// lastSecond is the last one of the last year that C's struct tm has.
const lastSecond = 67768036191676799

// date is os.date([format [, time]]).
func date(L *lua.LState) int {
	format := cString(arg.OptString(L, 1, "%c"))
	seconds := arg.OptInteger(L, 2, time.Now().Unix())
	if seconds > lastSecond || seconds < -lastSecond {
		return push(L, lua.LNil)
	}
	t, zone := time.Unix(seconds, 0), ""
	if rest, utc := strings.CutPrefix(format, "!"); utc {
		format, t, zone = rest, t.UTC(), "GMT"
	}
	if format == "*t" {
		return push(L, dateTable(L, t))
	}
	return push(L, lua.LString(formatDate(format, t, zone)))
}

func dateTable(L *lua.LState, t time.Time) *lua.LTable {
	table := L.CreateTable(0, 9)
	for name, n := range map[string]int{
		"year": t.Year(), "month": int(t.Month()), "day": t.Day(), "hour": t.Hour(), "min": t.Minute(), "sec": t.Second(),
		"wday": int(t.Weekday()) + 1, "yday": t.YearDay(),
	} {
		table.RawSetString(name, lua.LNumber(n))
	}
	table.RawSetString("isdst", lua.LBool(t.IsDST()))
	return table
}

// conversions are those that C and its strftime library agree on. Any other
// stays as it is.
const conversions = "aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%"

// formatDate is strftime for conversions of one letter, as lua5.1 hands them
// to C one by one. zone is the name of the time zone if t does not know it.
func formatDate(format string, t time.Time, zone string) string {
	var out strings.Builder
	for {
		before, rest, more := strings.Cut(format, "%")
		out.WriteString(before)
		if !more {
			return out.String()
		}
		if rest == "" {
			out.WriteString("%")
			return out.String()
		}
		out.WriteString(conversion(rest[0], t, zone))
		format = rest[1:]
	}
}

func conversion(letter byte, t time.Time, zone string) string {
	text := "%" + string([]byte{letter})
	switch {
	case letter == 'Z' && zone != "":
		return zone
	case letter == 's' && zone != "": // C takes any date for one of the local zone
		return fmt.Sprint(withDST(localTime(t.Year(), int(t.Month()), t.Day(), t.Hour(), t.Minute(), t.Second()), false).Unix())
	case '0' <= letter && letter <= '9': // a width, for nothing
		return fmt.Sprintf("%*s", letter-'0', text)
	case !strings.Contains(conversions, text[1:]):
		return text
	}
	return strftime.Format(text, t)
}

// timeOf is os.time([table]).
func timeOf(L *lua.LState) int {
	if L.Get(1) == lua.LNil {
		return pushNumber(L, float64(time.Now().Unix()))
	}
	t := arg.Table(L, 1)
	second, minute, hour := dateField(L, t, "sec", 0), dateField(L, t, "min", 0), dateField(L, t, "hour", 12)
	day, month, year := dateField(L, t, "day", -1), dateField(L, t, "month", -1), dateField(L, t, "year", -1)
	onClock := min(max(second, 0), 59)
	at := localTime(year, month, day, hour, minute, onClock)
	if dst := L.GetField(t, "isdst"); dst != lua.LNil {
		at = withDST(at, lua.LVAsBool(dst))
	}
	at = at.Add(time.Duration(second-onClock) * time.Second) // these pass, whatever the clock shows
	if at.Unix() == -1 || at.Year()-1900 > math.MaxInt32 || at.Year()-1900 < math.MinInt32 {
		return push(L, lua.LNil)
	}
	return pushNumber(L, float64(at.Unix()))
}

// dateField returns a field of a date. A field that is no number is otherwise;
// where otherwise is negative it must be there.
func dateField(L *lua.LState, t *lua.LTable, name string, otherwise int) int {
	if f, ok := arg.ToNumber(L.GetField(t, name)); ok {
		return int(int32(arg.ToInteger(f)))
	}
	if otherwise < 0 {
		arg.Fail(L, "field '"+name+"' missing in date table")
	}
	return otherwise
}

func localTime(year, month, day, hour, minute, second int) time.Time {
	return time.Date(year, time.Month(month), day, hour, minute, second, 0, time.Local)
}

// The C library looks for another season in steps of a week, for some years.
const (
	seasonStep   = 601200 * time.Second
	seasonsApart = 229222804 * time.Second
)

// withDST takes the clock's time of t for one of daylight saving time, or not,
// with the shift that its zone has in the nearest season that is so, or else of
// an hour.
func withDST(t time.Time, dst bool) time.Time {
	if t.IsDST() == dst {
		return t
	}
	_, ours := t.Zone()
	for d := seasonStep; d < seasonsApart; d += seasonStep {
		for _, other := range []time.Time{t.Add(-d), t.Add(d)} {
			if other.IsDST() == dst {
				_, theirs := other.Zone()
				return t.Add(time.Duration(ours-theirs) * time.Second)
			}
		}
	}
	if dst {
		return t.Add(-time.Hour)
	}
	return t.Add(time.Hour)
}
