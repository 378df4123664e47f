"""What a look goes by unless somebody says otherwise. Imports nothing, so that a command's help may say it."""

# The chance of any false alarm of a tenant, ever.
FALSE_ALARMS = 0.05
# By how much log-odds may be off on the whole: 2.5 points at 50 %.
TOLERANCE = 0.1
# Days that an outcome may take to arrive before it counts, or is overdue.
GRACE_DAYS = 28
