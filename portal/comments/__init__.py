"""What people say to each other about an order or a requisition."""
