\copy items from items.csv
