package mounts

import (
	"slices"
	"testing"
)

func TestParseFindsWhatIsBelowAndTheLastMountedFirst(t *testing.T) {
	mountinfo := `22 1 254:0 / / rw - ext4 /dev/vda rw
30 22 0:30 / /state rw - tmpfs tmpfs rw
31 30 0:31 / /state/a\040b rw - tmpfs tmpfs rw
32 31 0:32 / /state/a\040b/c\134d rw shared:3 - tmpfs tmpfs rw
33 22 0:33 / /state-of-others rw - tmpfs tmpfs rw
34 22 0:34 / /other/state rw - tmpfs tmpfs rw
`
	want := []string{`/state/a b/c\d`, "/state/a b", "/state"}
	if got := parse(mountinfo, "/state"); !slices.Equal(got, want) {
		t.Errorf("got %q, expected %q", got, want)
	}
}
