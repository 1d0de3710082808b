"""What the black-box tests stand on: the program under test, both of its peers, certificates and
signed rule sets. Standard library and the openssl program only."""
