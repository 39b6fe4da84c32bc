// The generated part of docs/configuration.md: the schemas, as markdown.
// scripts/docs writes it into the page; a test compares.
#include <iostream>
#include <string_view>

#include "master/config.hh"
#include "slave/config.hh"

int main(int argc, char** argv) {
  const std::string_view which = argc == 2 ? argv[1] : "";
  if (which == "master") {
    std::cout << flagfall::master::schema().reference();
  } else if (which == "slave") {
    std::cout << flagfall::slave::schema().reference();
  } else {
    std::cerr << "usage: configuration_reference master|slave\n";
    return 2;
  }
  return 0;
}
