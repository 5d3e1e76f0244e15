package network

import (
	"net/netip"
	"testing"

	"devcluster/internal/state"
)

func prefixes(texts ...string) []netip.Prefix {
	var found []netip.Prefix
	for _, text := range texts {
		found = append(found, netip.MustParsePrefix(text))
	}
	return found
}

func TestChooseLink(t *testing.T) {
	undisturbed, err := ChooseLink(nil, "/some/state")
	if err != nil {
		t.Fatal(err)
	}
	taken := state.LinkPrefix(undisturbed)
	for name, test := range map[string]struct {
		inUse []netip.Prefix
		moves bool
	}{
		"a default route is no obstacle":                   {prefixes("0.0.0.0/0"), false},
		"a wide route of a private network is none either": {prefixes("10.0.0.0/8"), false},
		"another network is none":                          {prefixes("192.168.0.0/24"), false},
		"the same network is taken":                        {[]netip.Prefix{taken}, true},
		"a network around it takes it":                     {[]netip.Prefix{netip.PrefixFrom(taken.Addr(), 20).Masked()}, true},
		"a single address in it takes it":                  {[]netip.Prefix{netip.PrefixFrom(taken.Addr().Next(), 32)}, true},
	} {
		got, err := ChooseLink(test.inUse, "/some/state")
		if err != nil || (got != undisturbed) != test.moves {
			t.Errorf("%s: chose %d (undisturbed %d), %v", name, got, undisturbed, err)
		}
		if !LinkFree(got, test.inUse) {
			t.Errorf("%s: the chosen %d is not free", name, got)
		}
	}
}

func TestChooseLinkFailsWhenAllIsTaken(t *testing.T) {
	if number, err := ChooseLink(prefixes("10.87.0.0/17", "10.87.128.0/17"), "x"); err == nil {
		t.Errorf("chose %d of a range that is all in use", number)
	}
}

func TestNumbersOutsideOfTheRangeAreNotFree(t *testing.T) {
	for _, number := range []int{-1, 0, state.Links} {
		if LinkFree(number, nil) {
			t.Errorf("LinkFree(%d) is true", number)
		}
	}
}

func TestParseRoutes(t *testing.T) {
	table := "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n" +
		"eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"dw-1\t0400570A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n"
	want := prefixes("0.0.0.0/0", "192.0.2.0/24", "10.87.0.4/30")
	got := parseRoutes(table)
	if len(got) != len(want) {
		t.Fatalf("got %v, expected %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("route %d: got %v, expected %v", i, got[i], want[i])
		}
	}
}
