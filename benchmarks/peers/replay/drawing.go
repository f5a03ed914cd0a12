package main

import (
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// What benchmarks/drawing.py draws, drawn the same here: see there for what it means.
const (
	groups       = 40
	perOwner     = 20
	epoch        = 1_740_787_200
	yearish      = 10_000_000
	alphabet     = "bcdfghjklmnpqrstvwxz2456789"
	streamLength = 192
	nodes        = 5000
)

// drawn is one pod while its blanks are filled.
type drawn struct {
	number, version int
	own, ofOwner    []byte
}

// drawer keeps the owners it has drawn last: the pods of one block share them.
type drawer struct {
	seed   int
	block  int
	owners [groups][]byte
	pod    drawn
}

func newDrawer(seed int) *drawer { return &drawer{seed: seed, block: -1} }

// draw returns what is drawn for a pod, valid until the next call.
func (d *drawer) draw(number, version int) *drawn {
	block, group := number/(groups*perOwner), number%groups
	if block != d.block {
		d.block, d.owners = block, [groups][]byte{}
	}
	if d.owners[group] == nil {
		d.owners[group] = stream(fmt.Sprintf("%d/owner/%d", d.seed, block*groups+group))
	}
	d.pod = drawn{number, version, stream(fmt.Sprintf("%d/%d", d.seed, number)), d.owners[group]}
	return &d.pod
}

func stream(what string) []byte { return sha3.SumSHAKE128([]byte(what), streamLength) }

// blank is one mark of a template: its kind, its numbers, and how many bytes its values have.
type blank struct {
	kind byte
	args []int
}

func (b blank) isTime() bool { return b.kind == 't' || b.kind == 'm' }

// width is how many bytes the value takes as text.
func (b blank) width() int {
	scratch := make([]byte, 0, 80)
	return len(b.appendText(scratch, newDrawer(0).draw(0, 1_000_000)))
}

// seconds is the Unix time of a blank that is one.
func (b blank) seconds(pod *drawn) int64 {
	if b.kind == 'm' {
		return int64(epoch + yearish + pod.version)
	}
	at := b.args[0]
	seconds := int64(pod.own[at])<<16 | int64(pod.own[at+1])<<8 | int64(pod.own[at+2])
	seconds = epoch + seconds%yearish
	if len(b.args) > 1 {
		seconds += int64(pod.own[b.args[1]] % 40)
	}
	return seconds
}

// appendText appends the value as it is written in JSON.
func (b blank) appendText(to []byte, pod *drawn) []byte {
	from := pod.own
	kind := b.kind
	if kind >= 'A' && kind <= 'Z' {
		kind, from = kind+'a'-'A', pod.ofOwner
	}
	switch kind {
	case 'u':
		return appendUID(to, from[b.args[0]:])
	case 'h':
		return hex.AppendEncode(to, from[b.args[0]:b.args[0]+b.args[1]])
	case 'a':
		at := from[b.args[0]:]
		return appendOctets(to, '.', 100+int(at[0])%100, 100+int(at[1])%100, 100+int(at[2])%100)
	case 'n':
		first, second, third := node(from[b.args[0]:])
		to = appendOctets(append(to, "ip-"...), '-', first, second, third)
		to = append(to, ".eu-west-1"...)
		return append(append(to, "abc"[(first+second+third)%3]), ".compute.internal"...)
	case 'i':
		first, second, third := node(from[b.args[0]:])
		return appendOctets(to, '.', first, second, third)
	case 's':
		for _, letter := range from[b.args[0] : b.args[0]+b.args[1]] {
			to = append(to, alphabet[letter%27])
		}
		return to
	case 'r':
		at := from[b.args[0]:]
		return append(to, '0'+at[0]%10, '.', '1'+at[1]%30/10, '0'+at[1]%30%10, '.', '0'+at[2]%10)
	case 't', 'm':
		return time.Unix(b.seconds(pod), 0).UTC().AppendFormat(to, time.RFC3339)
	case 'k':
		return appendKey(to, pod.number)
	case 'o', 'f':
		return appendDecimal(to, 1_000_000+pod.number)
	case 'v':
		return appendDecimal(to, pod.version)
	}
	panic(fmt.Sprintf("benchmarks/drawing.py has a blank %q that is unknown here", b.kind))
}

func appendUID(to, from []byte) []byte {
	var digits [32]byte
	hex.Encode(digits[:], from[:16])
	to = append(append(to, digits[:8]...), '-')
	to = append(append(to, digits[8:12]...), '-', '4')
	to = append(append(to, digits[13:16]...), '-', 'a')
	to = append(append(to, digits[17:20]...), '-')
	return append(to, digits[20:]...)
}

func node(from []byte) (first, second, third int) {
	number := int(binary.BigEndian.Uint16(from)) % nodes
	return 100 + number/100, 100 + number%100, 100 + number*37%100
}

func appendOctets(to []byte, between byte, octets ...int) []byte {
	to = append(to, '1', '0')
	for _, octet := range octets {
		to = appendDecimal(append(to, between), octet)
	}
	return to
}

func appendKey(to []byte, number int) []byte {
	rest := (number*7_368_787 + 1_234_567) % (27 * 27 * 27 * 27 * 27)
	for range 5 {
		to = append(to, alphabet[rest%27])
		rest /= 27
	}
	return to
}

func appendDecimal(to []byte, number int) []byte {
	var digits [20]byte
	at := len(digits)
	for {
		at--
		digits[at] = byte('0' + number%10)
		if number /= 10; number == 0 {
			return append(to, digits[at:]...)
		}
	}
}
