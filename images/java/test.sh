#!/bin/sh
# Runs inside of a started environment (../test.sh).
set -u
# shellcheck source=images/lib/inside.sh
. /test/lib/inside.sh
mkdir -p "$HOME/j" && cd "$HOME/j" || exit 1
printf 'public class Hello {\n    record Pair(String a, int b) {}\n    public static void main(String[] args) { System.out.println("hello 你好 " + new Pair("x", 42)); }\n}\n' > Hello.java

check 'java is version 17' prints '"17.' java -version
check 'javac compiles, java runs' prints 'hello 你好 Pair[a=x, b=42]' sh -c 'javac Hello.java && java Hello'
check 'java runs a source file' prints 'hello 你好' java Hello.java
check 'jar packs a program that runs' prints 'hello 你好' sh -c 'jar cfe hello.jar Hello *.class && java -jar hello.jar'
check 'JAVA_HOME is the compiler that is on PATH' test "$(readlink -f "$JAVA_HOME/bin/javac")" = "$(readlink -f "$(command -v javac)")"
check 'Maven runs on it' prints 'Java version: 17' mvn --version
check 'Maven keeps its repository in the home' prints /home/dev/.m2/repository sh -c 'mvn -o -q -X validate 2>&1 | grep "Using local repository"'
