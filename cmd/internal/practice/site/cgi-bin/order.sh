#!/bin/sh
# $Id$
# Takes an order, and notes it.
echo "Content-type: text/plain"
echo
echo "Thank you."
