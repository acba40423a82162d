// Command silent does not say from which release it was built.
package main

func main() {}
