class A1709123456789 { async up(q) {} }
