"""The gateway: REST APIs of other schedulers on CronTasks and CronTaskExecutions. It never runs anything itself."""
