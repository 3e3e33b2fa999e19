"""Pages that show what several apps know: all clusters at a glance, their list, one cluster."""
