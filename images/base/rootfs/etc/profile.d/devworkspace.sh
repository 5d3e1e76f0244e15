# /etc/profile resets PATH in login shells; the image's ENV holds the same for all other processes.
PATH="$HOME/.local/bin:$PATH"
