comment on table items
  is 'größer';
