// Package foldtest has what every fold must pass.
package foldtest

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"rollcall.dev/events/schema"
	"rollcall.dev/events/stream/fold"
)

// Kind is a kind of entities: an empty one, and the key that one has.
type Kind struct {
	New func() fold.Entity
	Key func(fold.Entity) string
}

// Codec checks, on entities with anything in their fields, that what is packed
// comes back, and is what the changelog gives back: a field that any of the
// four ways leaves out is told. Keys that are said to be plain are so.
func Codec(t *testing.T, f fold.Fold, kinds map[string]Kind) {
	for name, kind := range kinds {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(500) {
				e := kind.New()
				whole := seed%2 == 0
				fill(rand.New(rand.NewPCG(seed, 0)), reflect.ValueOf(e).Elem(), whole)
				check(t, f, kind.Key(e), e, whole)
			}
		})
	}
}

// check of an entity that is whole wants it back as it was; else none and empty
// are the same.
func check(t *testing.T, f fold.Fold, key string, e fold.Entity, whole bool) {
	t.Helper()
	value := encode(t, f, key, e)
	decoded, err := f.Decode(key, value)
	if err != nil {
		t.Fatalf("decode %s: %v", value, err)
	}
	packed := f.Pack([]byte("before"), key, e)
	if string(packed[:6]) != "before" {
		t.Fatalf("pack begins with %q", packed)
	}
	for way, got := range map[string]fold.Entity{"decoded": decoded, "unpacked": f.Unpack(key, string(packed[6:]))} {
		if again := encode(t, f, key, got); !bytes.Equal(again, value) || whole && !reflect.DeepEqual(got, e) {
			t.Fatalf("%s\ncomes back %s as\n%s\nput %+v, got %+v", value, way, again, e, got)
		}
	}
	if !f.Plain(key) {
		return
	}
	if index := f.Index(key, e); len(index) > 0 {
		t.Fatalf("%q is plain and has the index keys %q", key, index)
	}
	if due, ok := f.Due(key, e); ok {
		t.Fatalf("%q is plain and waits for %+v", key, due)
	}
}

func encode(t *testing.T, f fold.Fold, key string, e fold.Entity) []byte {
	t.Helper()
	value, err := f.Encode(nil, key, e)
	if err != nil {
		t.Fatalf("encode %+v: %v", e, err)
	}
	return value
}

var texts = []string{"alice", "room.1", "@alice", "/topic/room.1", "\x00", "\x01\x02", "a\x00b\x01", `say "hi"`, "日本", "<&>", " ", "member", "watcher"}

// fill gives every field a value, or, unless whole, most of them.
func fill(rng *rand.Rand, v reflect.Value, whole bool) {
	if v.Type() == reflect.TypeFor[schema.Time]() {
		v.Set(reflect.ValueOf(schema.At(time.UnixMilli(rng.Int64N(4e12)))))
		return
	}
	if !whole && rng.IntN(3) == 0 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(texts[rng.IntN(len(texts))])
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(rng.Int64N(1<<rng.IntN(v.Type().Bits()-1)+1) * int64(1-2*rng.IntN(2)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(rng, v.Elem(), whole)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1+rng.IntN(3), 3))
		for i := range v.Len() {
			fill(rng, v.Index(i), whole)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 1 + rng.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			fill(rng, key, whole)
			fill(rng, value, whole)
			v.SetMapIndex(key, value)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			fill(rng, field, whole)
		}
	default:
		panic("foldtest: fill knows no " + v.Kind().String())
	}
}
