# Login shells (ssh) do not get the image's ENV; here stand commands of "go install".
PATH="$HOME/go/bin:$PATH"
